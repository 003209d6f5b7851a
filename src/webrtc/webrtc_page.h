/**
 * webrtc_page: answers to GET: the viewer's page and its script, files of this folder that are
 * part of the program.
 *
 * Thread:  main.
 */
#pragma once
#include "httpd/httpd.h"
#include "webrtc/webrtc_target.h"

/* In the place of what a later version will have. */
#define WEBRTC_NO_WHIP "publishing by WHIP is not possible in this version"

void webrtc_page_respond(struct httpd_exchange *exchange, const struct webrtc_target *target);
