#include "webrtc/webrtc_page.h"

#include "base/embed.h"
#include "webrtc/webrtc_page_files.h"

EMBED(webrtc_page_html_file, WEBRTC_PAGE_PATH);
EMBED(webrtc_page_reader_file, WEBRTC_READER_PATH);

struct span webrtc_page_html(void)
{
    return EMBEDDED(webrtc_page_html_file);
}

struct span webrtc_page_reader(void)
{
    return EMBEDDED(webrtc_page_reader_file);
}
