/**
 * webrtc_links: ICE servers as Link headers (RFC 9725, section 4.6), with short-lived credentials
 * for those whose username is AUTH_SECRET.
 */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"
#include "httpd/httpd.h"

/** Zeros are empty. */
struct webrtc_links {
    unsigned    count;
    struct buf *texts;
};

void webrtc_links_make(struct webrtc_links *links, const struct conf *conf);
void webrtc_links_fini(struct webrtc_links *links);

/** Writes `links->count` headers, which borrow from the links. Returns how many. */
unsigned webrtc_links_add(const struct webrtc_links *links, struct httpd_header *out);
