/**
 * webrtc_page: the viewer's page and its script, files of this folder that are part of the
 * program.
 */
#pragma once
#include "base/span.h"

struct span webrtc_page_html(void);
struct span webrtc_page_reader(void);
