/**
 * auth_param: the lists `name=value, name="value"` of challenges and of answers to them.
 */
#pragma once
#include <stdbool.h>

#include "base/span.h"

/**
 * Takes the next one off the front. Of `Basic, Digest realm="x"` the name is all in front of the
 * equals sign. value->p == NULL: there was none. False: at the end.
 */
bool auth_param_next(struct span *rest, struct span *name, struct span *value);
