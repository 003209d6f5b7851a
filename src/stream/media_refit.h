/**
 * media_refit: a struct refit for a track of a stream, with what its description tells.
 */
#pragma once
#include "rtp/refit.h"
#include "sdp/sdp.h"

/** As refit_init(), and then parameter sets, audio frames and samples as the medium says. */
void media_refit_init(struct refit *refit, const struct sdp_media *media, size_t max_payload);
