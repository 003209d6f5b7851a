"""GStreamer's encoder and RTP stack as an RTSP publisher, a program of its own. It makes a keyframe
at the start, and another only when it is asked for one: of a PLI or FIR, rtpbin makes an event for
the encoder.

usage: rtpbin.py PATH [LINE OF SDP ...]

Not rtspclientsink: over TCP it passes over all RTCP that comes.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from harness.publisher import H264_SDP  # noqa: E402
from harness.rtsp import Closed, Rtsp  # noqa: E402

PIPELINE = """
    rtpbin name=bin rtp-profile=avpf
    videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1
        ! x264enc key-int-max=100000 tune=zerolatency speed-preset=ultrafast bitrate=300
        ! rtph264pay pt=96 mtu=1200 config-interval=-1 ! bin.send_rtp_sink_0
    bin.send_rtp_src_0 ! appsink name=rtp emit-signals=true sync=false
    bin.send_rtcp_src_0 ! appsink name=rtcp emit-signals=true sync=false async=false
    appsrc name=heard caps=application/x-rtcp format=time do-timestamp=true ! bin.recv_rtcp_sink_0
"""
RTP_CHANNEL, RTCP_CHANNEL = 0, 1


class Sender:
    """Takes what a sink has to the server."""

    def __init__(self, rtsp: Rtsp, sink: Gst.Element, channel: int) -> None:
        self.rtsp = rtsp
        self.channel = channel
        sink.connect("new-sample", self.on_sample)

    def on_sample(self, sink: Gst.Element) -> Gst.FlowReturn:
        buffer = sink.emit("pull-sample").get_buffer()
        try:
            self.rtsp.send_frame(self.channel, buffer.extract_dup(0, buffer.get_size()))
        except OSError:
            return Gst.FlowReturn.EOS
        return Gst.FlowReturn.OK


def main(path: str, *lines: str) -> None:
    Gst.init(None)
    rtsp = Rtsp()
    rtsp.announce(path, H264_SDP + "".join(f"{line}\r\n" for line in lines))
    rtsp.socket.settimeout(None)
    pipeline = Gst.parse_launch(PIPELINE)
    senders = [Sender(rtsp, pipeline.get_by_name(name), channel)
               for name, channel in (("rtp", RTP_CHANNEL), ("rtcp", RTCP_CHANNEL))]
    heard = pipeline.get_by_name("heard")
    pipeline.set_state(Gst.State.PLAYING)
    try:
        while senders:
            heard.emit("push-buffer", Gst.Buffer.new_wrapped(rtsp.read_frame(RTCP_CHANNEL).payload))
    except Closed:
        pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main(*sys.argv[1:])
