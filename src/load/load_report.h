/**
 * load_report: a load's result for people and for programs.
 */
#pragma once
#include "base/buf.h"
#include "load/load_result.h"

/** A page of text. */
void load_report_write_text(const struct load_result *result, struct buf *out);

/** One JSON object; what is not known is null. */
void load_report_write_json(const struct load_result *result, struct buf *out);
