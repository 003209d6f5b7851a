/* Who asks: main decides; here he is introduced to it, and told. */
#include <errno.h>

#include "base/random.h"
#include "rtsp/rtsp_internal.h"

_Static_assert((int)RTSP_AUTH_BASIC == (int)AUTH_SCHEME_BASIC &&
                   (int)RTSP_AUTH_DIGEST == (int)AUTH_SCHEME_DIGEST,
               "rtspAuthMethods' bits are those of schemes");

int rtsp_auth_ask(struct rtsp_conn *conn, const struct message *request,
                  enum path_question question, const char *path)
{
    struct path_request *asked = path_request_new(question);
    struct rtsp_url      url;
    struct path_client   client = { .protocol = "rtsp",
                                    .peer = &conn->address,
                                    .nonce = conn->past.nonce,
                                    .schemes = conn->server->conf->rtsp_auth_methods,
                                    .authorization = message_header(request, "Authorization"),
                                    .method = request->method,
                                    .url = request->url,
                                    .user_agent = message_header(request, "User-Agent") };
    if (rtsp_url_parse(request->url, &url) == 0)
        client.query = url.query;
    path_request_introduce(asked, &client);
    rtsp_conn_ask(conn, asked, path);
    return -EINPROGRESS;
}

/* One nonce a connection, as clients answer each request with that of the first challenge. */
static int challenge(struct rtsp_conn *conn, const struct message *request)
{
    unsigned             methods = conn->server->conf->rtsp_auth_methods, count = 0;
    char                 digest[AUTH_CHALLENGE];
    struct rtsp_response response = { .status = 401 };
    if (methods & RTSP_AUTH_BASIC)
        response.challenges[count++] = BYTES(AUTH_CHALLENGE_BASIC_RTSP);
    if (methods & RTSP_AUTH_DIGEST) {
        if (!conn->past.nonce[0])
            random_hex128(conn->past.nonce);
        auth_digest_write_challenge(conn->past.nonce, digest);
        response.challenges[count++] = span_from_string(digest);
    }
    rtsp_respond(conn, request, &response);
    return 0;
}

int rtsp_auth_refuse(struct rtsp_conn *conn, const struct message *request,
                     const struct path_request *answer)
{
    struct errmsg why;
    if (answer->answer == PATH_ASK)
        return challenge(conn, request);
    (void)errmsg_set(&why, -EACCES, "failed to authenticate: %s", answer->why.text);
    LOG(&conn->log, LOG_WARN, "%s", why.text);
    rtsp_respond(conn, request, &(struct rtsp_response){ .status = 401 });
    rtsp_conn_close_later(conn, why.text);
    return 0;
}
