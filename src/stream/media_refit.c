#include "stream/media_refit.h"

#include "base/base64.h"
#include "base/check.h"

enum { MAX_PARAMS = 8, MAX_PARAM_BYTES = 2048 };

/* Base64, separated by commas. */
static unsigned decode_params(struct span list, uint8_t *bytes, size_t *used, struct span *nals,
                              unsigned count)
{
    for (struct span text; count < MAX_PARAMS && span_next(&list, ',', &text);) {
        ssize_t len = base64_decode(text, bytes + *used, MAX_PARAM_BYTES - *used);
        if (len <= 0)
            continue;
        nals[count++] = (struct span){ bytes + *used, (size_t)len };
        *used += (size_t)len;
    }
    return count;
}

/* The parameter sets that the description brings, for streams that bring none in band. */
static void set_params(struct refit *refit, const struct sdp_media *media)
{
    static const char *const keys[] = { "sprop-parameter-sets", "sprop-vps", "sprop-sps",
                                        "sprop-pps" };
    uint8_t                  bytes[MAX_PARAM_BYTES];
    struct span              nals[MAX_PARAMS];
    size_t                   used = 0;
    unsigned                 count = 0;
    for (size_t i = 0; i < COUNT(keys); i++)
        count = decode_params(sdp_fmtp(media, keys[i]), bytes, &used, nals, count);
    refit_set_params(refit, nals, count);
}

void media_refit_init(struct refit *refit, const struct sdp_media *media, size_t max_payload)
{
    struct payload_params params = payload_params_of(media);
    refit_init(refit, media->codec->id, max_payload);
    set_params(refit, media);
    if (media->codec->id == CODEC_MPEG4_AUDIO)
        refit_set_audio(refit, &params);
    unsigned bits = payload_tick_bits(media->codec->id, &params);
    if (media->codec->id == CODEC_LPCM && bits % 8 == 0)
        refit_set_tick_bytes(refit, bits / 8);
}
