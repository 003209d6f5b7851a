/**
 * params: parameter sets that a stream carries in band go into its description, so that DESCRIBE
 * tells a later reader what the decoder needs now.
 */
#pragma once
#include "base/span.h"
#include "stream/stream.h"

/** Looks at a payload that holds parameter sets; changes the description when they are new. */
void params_update(struct stream *stream, unsigned track, struct span payload);
