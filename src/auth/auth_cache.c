#include "auth/auth_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"

void auth_cache_reset(struct auth_cache *cache)
{
    *cache = (struct auth_cache){ 0 };
    random_bytes(cache->key, sizeof(cache->key));
}

struct auth_mark auth_cache_mark(const struct auth_cache *cache, struct span user, struct span pass)
{
    AUTO(buf_fini) struct buf text = { 0 };
    struct auth_mark          mark;
    uint8_t                   len[8];
    write_be64(len, user.len); /* or "ab" and "c" would be "a" and "bc" */
    buf_append(&text, (struct span){ len, sizeof(len) });
    buf_append(&text, user);
    buf_append(&text, pass);
    const uint8_t *is_done =
        HMAC(EVP_sha256(), cache->key, sizeof(cache->key), text.p, text.len, mark.bytes, NULL);
    ASSERT(is_done);
    OPENSSL_cleanse(text.p, text.len);
    return mark;
}

static bool selection_has(const struct auth_selection *selection, unsigned entry)
{
    for (unsigned i = 0; i < selection->count; i++) {
        if (selection->entries[i] == entry)
            return true;
    }
    return false;
}

bool auth_cache_has(const struct auth_cache *cache, const struct auth_mark *mark,
                    const struct auth_selection *selection, int64_t now_ns)
{
    for (unsigned i = 0; i < AUTH_CACHE_SLOTS; i++) {
        const struct auth_cache_slot *slot = &cache->slots[i];
        if (now_ns < slot->until_ns && CRYPTO_memcmp(&slot->mark, mark, sizeof(*mark)) == 0 &&
            selection_has(selection, slot->entry))
            return true;
    }
    return false;
}

void auth_cache_put(struct auth_cache *cache, const struct auth_mark *mark, unsigned entry,
                    int64_t now_ns)
{
    struct auth_cache_slot *oldest = &cache->slots[0];
    for (unsigned i = 1; i < AUTH_CACHE_SLOTS; i++) {
        if (cache->slots[i].until_ns < oldest->until_ns)
            oldest = &cache->slots[i];
    }
    *oldest = (struct auth_cache_slot){ *mark, entry, now_ns + AUTH_CACHE_NS };
}
