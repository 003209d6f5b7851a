/**
 * load: `millrace load`, the controlled load: it publishes streams of a known bitrate to an RTSP
 * server, reads them back, and tells what was lost, how late it came and what it cost the server.
 * docs/load.md explains its figures.
 */
#pragma once

/**
 * `argv[0]` is the sub-command's name. Returns the exit status: 0, nothing was lost; 1, the
 * arguments are wrong or a connection failed; 2, packets or frames were lost or froze.
 */
int load_main(int argc, char **argv);
