"""GStreamer's webrtcbin as a WHEP client, a program of its own: it needs GLib's main loop.

usage: webrtcbin.py URL h264|h265 PICTURES FILE

Offers one video of that codec and writes to the file what it gets, as Annex B; ends when it has
so many pictures.
"""

from __future__ import annotations

import os
import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PARAMETERS = {
    "h264": "packetization-mode=(string)1,profile-level-id=(string)42e01f",
    "h265": "profile-id=(string)1",
}


class Client:
    def __init__(self, url: str, codec: str, pictures: int, file: str) -> None:
        self.url = url
        self.codec = codec
        self.left = pictures
        self.file = file
        self.session: str | None = None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline()
        self.webrtc = Gst.ElementFactory.make("webrtcbin")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.webrtc.connect("notify::ice-gathering-state", self.on_gathering)
        self.webrtc.connect("pad-added", self.on_pad)
        self.pipeline.add(self.webrtc)
        self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
                         Gst.Caps.from_string(
                             f"application/x-rtp,media=video,encoding-name={codec.upper()},"
                             f"clock-rate=90000,payload=96,{PARAMETERS[codec]}"))

    def run(self) -> None:
        self.pipeline.set_state(Gst.State.PLAYING)
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        if self.session:
            urllib.request.urlopen(urllib.request.Request(self.session, method="DELETE")).close()

    def on_offer(self, promise: Gst.Promise) -> None:
        reply = promise.get_reply()  # the offer lives in it
        self.webrtc.emit("set-local-description", reply.get_value("offer"), None)

    def on_gathering(self, _element: Gst.Element, _property: object) -> None:
        """The answer is asked for once, with all candidates in the offer."""
        state = self.webrtc.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.session:
            offer = self.webrtc.get_property("local-description").sdp.as_text()
            request = urllib.request.Request(self.url, offer.encode(),
                                             {"Content-Type": "application/sdp"})
            with urllib.request.urlopen(request) as response:
                self.session = urllib.parse.urljoin(self.url, response.headers["Location"])
                text = response.read().decode()
            _, sdp = GstSdp.SDPMessage.new_from_text(text)
            answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
            self.webrtc.emit("set-remote-description", answer, None)

    def on_pad(self, _element: Gst.Element, pad: Gst.Pad) -> None:
        writer = Gst.parse_bin_from_description(
            f"rtp{self.codec}depay ! {self.codec}parse ! "
            f"video/x-{self.codec},stream-format=byte-stream,alignment=au ! "
            f"filesink name=sink location={self.file}", True)
        self.pipeline.add(writer)
        writer.sync_state_with_parent()
        writer.get_by_name("sink").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, self.on_picture)
        pad.link(writer.get_static_pad("sink"))

    def on_picture(self, _pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        self.left -= 1
        if self.left < 0:  # this one may not be written any more
            self.loop.quit()
        return Gst.PadProbeReturn.OK


def end_badly(*what: object) -> None:
    sys.__excepthook__(*what)  # type: ignore[arg-type]
    os._exit(1)  # the main loop would go on


if __name__ == "__main__":
    sys.excepthook = end_badly
    Gst.init(None)
    Client(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]).run()
