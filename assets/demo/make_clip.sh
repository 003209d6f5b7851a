#!/bin/sh
# Makes clip.h264 and clip.opus, the clip that `source: demo` plays. Their results are in the
# repository; run this again only to change the clip. Needs ffmpeg with libx264 and libopus,
# python3 and the DejaVu fonts.
#
#   clip.h264  Annex B, constrained baseline, 640x360, 25 frames a second, 150 frames: one slice
#              a picture, no B-frames, SPS and PPS before each IDR, an IDR every 2 s
#   clip.opus  48 kHz stereo, 300 packets of 20 ms, each behind its length in 16 bits (big-endian)
#
# Both last 6 s exactly, and all that moves or sounds has a period that divides 6 s, so that the
# end meets the beginning.
set -eu
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mono=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

# Colour bars; a ball that swings once in 2 s; waves below them; a line at the bottom that fills in
# 6 s; in the middle the clock: the clip's own seconds, and its frames.
video="smptehdbars=size=640x360:rate=25[bars];
       color=c=white:size=24x24:rate=25,format=yuva420p,
       geq=lum=235:cb=128:cr=128:a='255*lt(hypot(X-11.5,Y-11.5),11)'[ball];
       color=c=black:size=640x90:rate=25,format=yuv420p,
       geq=lum='125+70*sin(2*PI*(X/213+T/3))*cos(2*PI*(Y/180-T/2))':
           cb='128+60*sin(2*PI*(X/320-T/3))':cr='128+60*cos(2*PI*(X/320+T/6))'[waves];
       color=c=0x30d0ff:size=640x8:rate=25[line];
       [bars][waves]overlay=x=0:y=270[a];
       [a][ball]overlay=x='308-280*cos(PI*t)':y=52:eval=frame[b];
       [b][line]overlay=x='-640+640*(n+1)/150':y=352:eval=frame,
       drawbox=x=130:y=96:w=380:h=128:color=black@0.85:t=fill,
       drawtext=fontfile=$sans:fontsize=20:fontcolor=0xb0b0b0:x=(w-tw)/2:y=106:text='millrace demo',
       drawtext=fontfile=$mono:fontsize=52:fontcolor=white:x=(w-tw)/2:y=134:
       text='%{eif\\:floor(n/25)\\:d\\:2}.%{eif\\:mod(n,25)*4\\:d\\:2} s',
       drawtext=fontfile=$mono:fontsize=22:fontcolor=0xb0b0b0:x=(w-tw)/2:y=192:
       text='frame %{eif\\:n\\:d\\:3} of 150',
       format=yuv420p"
ffmpeg -v error -y -filter_complex "$video" -frames:v 150 \
    -c:v libx264 -profile:v baseline -level 3.1 -preset veryslow -crf 20 \
    -maxrate 500k -bufsize 500k -bf 0 -g 50 -keyint_min 50 -sc_threshold 0 \
    -x264-params slices=1:sliced-threads=0:repeat-headers=1:aud=0:filler=0 \
    -bsf:v filter_units=remove_types=6 -f h264 clip.h264

# Six soft notes, one a second; the variables are the time since a note was struck (0), its number
# (1) and its pitch (2). Three rounds are encoded and the middle one is kept: what stands before
# its first packet is like its own end, so that a decoder hears no seam.
note="st(0,mod(t,1));st(1,floor(mod(t,6)));
      st(2,261.63*eq(ld(1),0)+329.63*eq(ld(1),1)+392*eq(ld(1),2)+
           440*eq(ld(1),3)+392*eq(ld(1),4)+293.66*eq(ld(1),5));
      (1-exp(-50*ld(0)))*exp(-2.2*ld(0))*min(1,12*(1-ld(0)))*"
left="0.16*sin(2*PI*ld(2)*ld(0))+0.05*sin(PI*ld(2)*ld(0))"
right="0.13*sin(2*PI*ld(2)*ld(0))+0.06*sin(4*PI*ld(2)*ld(0))"
ffmpeg -v error -y -f lavfi -i "aevalsrc='$note($left)|$note($right)':s=48000:d=18" \
    -c:a libopus -b:a 28k -vbr constrained -frame_duration 20 -application audio \
    -f ogg "$work/tone.ogg"
python3 ogg_to_packets.py "$work/tone.ogg" 300 300 > clip.opus

ls -l clip.h264 clip.opus
