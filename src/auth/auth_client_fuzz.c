#include "auth/auth_client.h"

#include <errno.h>

#include "base/check.h"

/* What is answered to any challenges is one header, which can be understood. */
static void check_answer(struct auth_client *client)
{
    static const struct auth_account account = { { (const uint8_t *)"user", 4 },
                                                 { (const uint8_t *)"pass", 4 } };
    struct span                      uri = BYTES("rtsp://h/cam");
    AUTO(buf_fini) struct buf        out = { 0 };
    struct message                   request;
    message_start_request(&out, MESSAGE_RTSP, "SETUP", uri);
    int err = auth_client_add(client, &account, BYTES("SETUP"), uri, &out);
    ASSERT(err == 0);
    message_finish(&out, (struct span){ 0 });
    ssize_t used = message_parse(buf_span(&out), &request);
    ASSERT(used == (ssize_t)out.len || used == -EMSGSIZE || used == -EBADMSG);
    ASSERT(used < 0 || (request.header_count == 1 && client->scheme));
}

/* The answer of a server. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message     answer;
    struct auth_client client = { 0 };
    if (message_parse((struct span){ data, size }, &answer) <= 0)
        return 0;
    int err = auth_client_read(&client, &answer);
    ASSERT(err == 0 || (err == -ENOTSUP && !client.scheme));
    if (err == 0)
        check_answer(&client);
    auth_client_fini(&client);
    return 0;
}
