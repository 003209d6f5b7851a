/**
 * httpd_origin: which websites may read an answer (CORS), as MediaMTX decides it.
 *
 * "*" allows all. In a URL's host a star stands for any text, and "*." in front of it for nothing
 * too: "*.example.com" means example.com and all depths below. A port that is not written is the
 * scheme's; the case of letters does not matter.
 */
#pragma once
#include <stdbool.h>

#include "base/span.h"

/**
 * What Access-Control-Allow-Origin says: the origin itself, or "*" where nothing else of
 * `allowed` (NULL-terminated, or NULL) fits it. p == NULL: no such header.
 */
struct span httpd_origin_allow(char *const *allowed, struct span origin);

/** What an operator should know of one of them: it "allows no website; ...". NULL: it is fine. */
const char *httpd_origin_doubt(const char *allowed);

/** Whether that answer depends on the origin, so that a cache must not show it to another one. */
bool httpd_origin_matters(char *const *allowed);
