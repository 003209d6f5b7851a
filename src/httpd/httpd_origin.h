/**
 * httpd_origin: which websites may read an answer (CORS), as MediaMTX decides it.
 *
 * "*" allows all. In a URL's host a star stands for any text, and "*." in front of it for nothing
 * too: "*.example.com" means example.com and all depths below. A port that is not written is the
 * scheme's.
 */
#pragma once
#include "base/span.h"

/**
 * What Access-Control-Allow-Origin says: the origin itself, or "*" where nothing else of
 * `allowed` (NULL-terminated, or NULL) fits it. p == NULL: no such header.
 */
struct span httpd_origin_allow(char *const *allowed, struct span origin);
