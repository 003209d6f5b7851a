#include "load/whep_offer.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An answer, as a server may send it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct whep_answer answer;
    struct errmsg      why = { "" };
    if (whep_read_answer((struct span){ data, size }, &answer, &why) < 0) {
        ASSERT(why.text[0]);
        return 0;
    }
    ASSERT(answer.ufrag[0] && answer.pwd[0]);
    ASSERT(answer.fingerprint.len > 0 && answer.fingerprint.len <= SDP_MAX_DIGEST);
    ASSERT(answer.candidate_count > 0 && answer.candidate_count <= WHEP_MAX_CANDIDATES);
    for (unsigned i = 0; i < answer.candidate_count; i++)
        ASSERT(answer.candidates[i].any.sa_family == AF_INET ||
               answer.candidates[i].any.sa_family == AF_INET6);
    return 0;
}
