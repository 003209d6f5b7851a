#include "base/bytes.h"
#include "webrtc/test_ice.h"

/* Ours is the agent under test, and the server; theirs is an agent, or the test. */
static struct test_ice ours, theirs;
static int64_t         now_ns;

static struct udp_address home, away, elsewhere;

static void open_pair(bool is_controlling)
{
    now_ns = TEST_START;
    home = test_address("192.0.2.1:8189");
    away = test_address("198.51.100.2:5000");
    elsewhere = test_address("203.0.113.3:6000");
    test_ice_open(&ours, "ours", "192.0.2.1:8189", &now_ns);
    test_ice_open(&theirs, "theirs", "198.51.100.2:5000", &now_ns);
    test_ice_add_agent(&ours, &theirs, is_controlling);
}

static void close_pair(void)
{
    ours.agent = ice_agent_destroy(ours.agent);
    theirs.agent = ice_agent_destroy(theirs.agent);
}

/* Messages by hand */

static const uint8_t a_transaction[STUN_TRANSACTION_SIZE] = "transaction";

/* A check as a browser sends it. */
static struct stun_draft check_draft(bool nominates)
{
    static char username[2 * ICE_UFRAG_SIZE];
    (void)snprintf(username, sizeof(username), "%s:%s", ours.credentials.ufrag,
                   theirs.credentials.ufrag);
    struct stun_draft draft = { .type = STUN_BINDING_REQUEST,
                                .username = span_from_string(username),
                                .priority = 0x6e7f1eff,
                                .role = STUN_ROLE_CONTROLLING,
                                .tie_breaker = 1,
                                .use_candidate = nominates };
    memcpy(draft.transaction, a_transaction, sizeof(draft.transaction));
    return draft;
}

static void receive(const struct stun_draft *draft, const char *password,
                    const struct udp_address *from, const struct udp_address *to)
{
    uint8_t             bytes[STUN_MAX_OUT];
    size_t              len = stun_write(draft, span_from_string(password), bytes);
    struct stun_message message;
    assert_int_equal(stun_parse((struct span){ bytes, len }, &message), 0);
    ice_agent_receive(ours.agent, &message, from, to, now_ns);
}

static void receive_check(const struct udp_address *from, const struct udp_address *to,
                          bool nominates)
{
    struct stun_draft draft = check_draft(nominates);
    receive(&draft, ours.credentials.pwd, from, to);
}

/* Answers a check of ours as its receiver would. */
static void answer(const struct test_ice_sent *check)
{
    struct stun_draft draft = { .type = STUN_BINDING_SUCCESS };
    memcpy(draft.transaction, check->message.transaction, sizeof(draft.transaction));
    receive(&draft, theirs.credentials.pwd, &check->to, &check->from);
}

static void answer_error(const struct test_ice_sent *check, uint16_t code)
{
    struct stun_draft draft = { .type = STUN_BINDING_ERROR, .error_code = code };
    memcpy(draft.transaction, check->message.transaction, sizeof(draft.transaction));
    receive(&draft, theirs.credentials.pwd, &check->to, &check->from);
}

static const struct test_ice_sent *last_sent(void)
{
    assert_true(ours.sent_count > 0);
    return &ours.sent[ours.sent_count - 1];
}

/* A check from there, ours answered: the way is proven. */
static void prove(const struct udp_address *from, bool nominates)
{
    receive_check(from, &home, nominates);
    answer(last_sent());
}

static void check_route(const struct udp_address *to, const struct udp_address *from)
{
    struct udp_address got_to, got_from;
    assert_true(ice_agent_route(ours.agent, &got_to, &got_from));
    assert_true(ice_address_equal(&got_to, to));
    assert_true(ice_address_equal(&got_from, from));
}

static bool is_same_transaction(const struct test_ice_sent *a, const struct test_ice_sent *b)
{
    return memcmp(a->message.transaction, b->message.transaction, STUN_TRANSACTION_SIZE) == 0;
}

static void wait_for(int64_t ns)
{
    int64_t end_ns = now_ns + ns, next_ns;
    bool    is_alive = true;
    while (is_alive && (next_ns = ice_agent_deadline(ours.agent)) <= end_ns) {
        now_ns = MAX(now_ns, next_ns);
        is_alive = ice_agent_on_time(ours.agent, now_ns);
    }
    now_ns = end_ns;
}

static void wait_for_deadline(void)
{
    wait_for(ice_agent_deadline(ours.agent) - now_ns);
}

/* Checks */

static void a_check_is_answered_by_a_check_at_once(void **state)
{
    open_pair(false);
    receive_check(&away, &home, false);
    assert_int_equal(ours.sent_count, 2);
    assert_int_equal(ours.peers, 1);
    assert_true(ice_address_equal(&ours.peer, &away));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(ice_address_equal(&ours.sent[i].to, &away));
        assert_true(ice_address_equal(&ours.sent[i].from, &home));
        assert_true(ours.sent[i].message.has_fingerprint);
    }

    const struct stun_message *success = &ours.sent[0].message;
    assert_int_equal(success->type, STUN_BINDING_SUCCESS);
    assert_memory_equal(success->transaction, a_transaction, STUN_TRANSACTION_SIZE);
    assert_true(stun_is_authentic(success, span_from_string(ours.credentials.pwd)));
    assert_int_equal(success->mapped.family, 4);
    assert_int_equal(success->mapped.port, 5000);
    assert_memory_equal(success->mapped.bytes, "\xc6\x33\x64\x02", 4);

    const struct stun_message *check = &ours.sent[1].message;
    assert_int_equal(check->type, STUN_BINDING_REQUEST);
    assert_true(stun_is_authentic(check, span_from_string(theirs.credentials.pwd)));
    assert_true(span_is(check->username, "theirs:ours"));
    assert_int_equal(check->role, STUN_ROLE_CONTROLLED);
    assert_int_equal(check->priority, 110u << 24 | 65535u << 8 | 255u);
    assert_false(check->use_candidate);
    close_pair();
}

static void two_agents_find_each_other_in_no_time(void **state)
{
    static const struct {
        const char *name;
        bool        is_ours_controlling, is_theirs_controlling;
        bool        asks_ours, asks_theirs; /* has the other's address */
    } cases[] = {
        { "they ask", false, true, false, true },
        { "we ask, a lite peer", true, false, true, false },
        { "both ask", false, true, true, true },
        { "both would be controlled", false, false, false, true },
        { "both would control", true, true, false, true },
        { "both would control, and ask", true, true, true, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        open_pair(cases[i].is_ours_controlling);
        test_ice_add_agent(&theirs, &ours, cases[i].is_theirs_controlling);
        if (cases[i].asks_ours)
            ice_agent_add_remote(ours.agent, &away, now_ns);
        if (cases[i].asks_theirs)
            ice_agent_add_remote(theirs.agent, &home, now_ns);
        test_ice_settle(&ours, &theirs);
        CHECK(ours.selections == 1 && theirs.selections == 1, cases[i].name);
        CHECK(ice_address_equal(&ours.to, &away), cases[i].name);
        CHECK(ice_address_equal(&ours.from, &home), cases[i].name);
        CHECK(ice_address_equal(&theirs.to, &home), cases[i].name);
        close_pair();
    }
}

static void the_peer_is_told_its_address_in_its_family(void **state)
{
    static const struct {
        const char *name, *from, *to;
        uint8_t     family;
        struct span bytes;
    } cases[] = {
        { "IPv4", "198.51.100.2:7", "192.0.2.1:8189", 4, BYTES("\xc6\x33\x64\x02") },
        { "IPv6", "[2001:db8::2]:7", "[2001:db8::1]:8189", 6,
          BYTES("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02") },
        { "IPv4 to a socket for both", "[::ffff:198.51.100.2]:7", "[::ffff:192.0.2.1]:8189", 4,
          BYTES("\xc6\x33\x64\x02") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct udp_address from = test_address(cases[i].from), to = test_address(cases[i].to);
        open_pair(false);
        receive_check(&from, &to, false);
        const struct stun_address *mapped = &ours.sent[0].message.mapped;
        CHECK(mapped->family == cases[i].family && mapped->port == 7, cases[i].name);
        CHECK(memcmp(mapped->bytes, cases[i].bytes.p, cases[i].bytes.len) == 0, cases[i].name);
        close_pair();
    }
}

static void checks_come_again_at_their_times(void **state)
{
    static const int64_t want_ms[] = { 0, 250, 750, 1750, 3750, 7750, 15750 };
    open_pair(false);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    wait_for(60 * NS_PER_S);
    assert_int_equal(ours.sent_count, COUNT(want_ms));
    for (unsigned i = 0; i < COUNT(want_ms); i++) {
        assert_int_equal(ours.sent[i].at_ns - TEST_START, want_ms[i] * NS_PER_MS);
        assert_true(is_same_transaction(&ours.sent[i], &ours.sent[0]));
    }
    assert_int_equal(ice_agent_deadline(ours.agent), INT64_MAX);
    answer(&ours.sent[0]); /* late, but there is a way */
    receive_check(&away, &home, true);
    assert_int_equal(ours.selections, 1);
    close_pair();
}

/* A peer that checks more often than a packet takes there and back must not make us start over. */
static void an_early_answer_counts_whatever_was_sent_since(void **state)
{
    open_pair(false);
    for (unsigned i = 0; i < 5; i++) {
        receive_check(&away, &home, true);
        now_ns += 48 * NS_PER_MS;
    }
    assert_int_equal(ours.sent_count, 10);
    assert_int_equal(ice_agent_deadline(ours.agent) - now_ns, (250 - 48) * NS_PER_MS);
    answer(&ours.sent[1]);
    assert_int_equal(ours.selections, 1);
    close_pair();
}

static void candidates_are_checked_one_after_another(void **state)
{
    open_pair(false);
    for (unsigned i = 1; i <= 3; i++) {
        away.v4.sin_port = htons((uint16_t)i);
        ice_agent_add_remote(ours.agent, &away, now_ns);
        ice_agent_add_remote(ours.agent, &away, now_ns);
    }
    wait_for(200 * NS_PER_MS);
    assert_int_equal(ours.sent_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ours.sent[i].at_ns - TEST_START, i * 50 * NS_PER_MS);
        assert_int_equal(ntohs(ours.sent[i].to.v4.sin_port), i + 1);
    }
    close_pair();
}

/* Nomination */

static void nothing_is_selected_before_it_is_nominated_and_proven(void **state)
{
    open_pair(false);
    prove(&away, false);
    assert_int_equal(ours.selections, 0);
    receive_check(&elsewhere, &home, true);
    assert_int_equal(ours.selections, 0);
    assert_int_equal(last_sent()->message.type, STUN_BINDING_REQUEST);
    answer(last_sent());
    assert_int_equal(ours.selections, 1);
    assert_true(ice_address_equal(&ours.to, &elsewhere));
    close_pair();
}

static void the_newest_nomination_wins(void **state)
{
    open_pair(false);
    prove(&away, true);
    prove(&elsewhere, true);
    assert_int_equal(ours.selections, 2);
    check_route(&elsewhere, &home);
    receive_check(&away, &home, false);
    check_route(&elsewhere, &home); /* a check alone changes nothing */
    receive_check(&away, &home, true);
    assert_int_equal(ours.selections, 3);
    check_route(&away, &home);
    receive_check(&away, &home, true);
    assert_int_equal(ours.selections, 3);
    close_pair();
}

/* A telephone leaves the house and comes back. */
static void a_way_back_is_proven_anew(void **state)
{
    open_pair(false);
    prove(&away, true);
    prove(&elsewhere, true);
    for (unsigned i = 0; i < 20; i++) { /* elsewhere consents for more than a minute */
        wait_for_deadline();
        answer(last_sent());
    }
    assert_true(now_ns - TEST_START > 60 * NS_PER_S);
    test_ice_forget(&ours);
    receive_check(&away, &home, true);
    check_route(&elsewhere, &home);
    assert_int_equal(ours.sent_count, 2);
    answer(last_sent());
    check_route(&away, &home);
    now_ns += 10 * NS_PER_S;
    assert_true(ice_agent_on_time(ours.agent, now_ns));
    close_pair();
}

/* One socket of the peer's, two addresses of ours: two ways. */
static void our_own_address_is_part_of_the_way(void **state)
{
    open_pair(false);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    test_ice_forget(&ours);
    struct udp_address second = test_address("192.0.2.99:8189");
    receive_check(&away, &home, false);
    answer(last_sent());
    receive_check(&away, &second, true);
    assert_true(ice_address_equal(&ours.sent[2].from, &second));
    assert_true(ice_address_equal(&ours.sent[3].from, &second));
    struct stun_draft draft = { .type = STUN_BINDING_SUCCESS };
    memcpy(draft.transaction, last_sent()->message.transaction, sizeof(draft.transaction));
    receive(&draft, theirs.credentials.pwd, &away, &home); /* not the way that the check went */
    assert_int_equal(ours.selections, 0);
    answer(last_sent());
    assert_int_equal(ours.selections, 1);
    check_route(&away, &second);
    receive_check(&away, &home, false);
    check_route(&away, &second);
    close_pair();
}

static void media_may_go_before_the_nomination(void **state)
{
    struct udp_address to, from;
    open_pair(false);
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    assert_false(ice_agent_route(ours.agent, &to, &from)); /* a candidate is somebody's word */
    receive_check(&elsewhere, &home, false);
    check_route(&elsewhere, &home);
    prove(&away, false);
    check_route(&away, &home);
    close_pair();
}

/* Who has an address of its own to prove could have us send to another one. */
static void media_goes_where_somebody_answers(void **state)
{
    open_pair(false);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    answer(last_sent());
    check_route(&away, &home);
    receive_check(&elsewhere, &home, true);
    check_route(&away, &home);
    answer(last_sent());
    check_route(&elsewhere, &home);
    close_pair();
}

static void a_lite_peer_is_nominated_until_it_answers(void **state)
{
    open_pair(true);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    wait_for(50 * NS_PER_MS);
    assert_int_equal(ours.sent_count, 2);
    assert_int_equal(ours.sent[0].message.role, STUN_ROLE_CONTROLLING);
    assert_false(ours.sent[0].message.use_candidate);
    answer(&ours.sent[0]);
    assert_int_equal(ours.selections, 1);
    assert_true(last_sent()->message.use_candidate);
    assert_false(is_same_transaction(last_sent(), &ours.sent[0]));
    answer(&ours.sent[1]); /* another way, but there is one */
    assert_int_equal(ours.selections, 1);
    assert_int_equal(ours.sent_count, 3);
    wait_for(250 * NS_PER_MS);
    assert_int_equal(ours.sent_count, 4);
    assert_true(is_same_transaction(&ours.sent[3], &ours.sent[2]));
    assert_true(ours.sent[3].message.use_candidate);
    answer(&ours.sent[3]);
    test_ice_forget(&ours);
    wait_for(3900 * NS_PER_MS);
    assert_int_equal(ours.sent_count, 0);

    struct stun_draft draft = check_draft(true);
    draft.role = STUN_ROLE_CONTROLLED;
    receive(&draft, ours.credentials.pwd, &elsewhere, &home); /* that is not for them to say */
    check_route(&away, &home);
    close_pair();
}

/* Roles */

static void a_role_conflict_is_settled_by_the_tie_breakers(void **state)
{
    static const struct {
        const char *name;
        bool        is_controlling;
        uint64_t    theirs;
        bool        changes; /* we change our role; else they are told to */
    } cases[] = {
        { "both control, ours is larger", true, 0, false },
        { "both control, theirs is larger", true, UINT64_MAX, true },
        { "both are controlled, ours is larger", false, 0, true },
        { "both are controlled, theirs is larger", false, UINT64_MAX, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stun_draft draft = check_draft(false);
        bool              ends_controlling = cases[i].is_controlling != cases[i].changes;
        draft.role = cases[i].is_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED;
        draft.tie_breaker = cases[i].theirs;
        open_pair(cases[i].is_controlling);
        receive(&draft, ours.credentials.pwd, &away, &home);
        CHECK(ours.sent_count == (cases[i].changes ? 2 : 1), cases[i].name);
        const struct stun_message *first = &ours.sent[0].message;
        if (cases[i].changes) {
            CHECK(first->type == STUN_BINDING_SUCCESS, cases[i].name);
        } else {
            CHECK(first->type == STUN_BINDING_ERROR, cases[i].name);
            CHECK(first->error_code == STUN_ERROR_ROLE_CONFLICT, cases[i].name);
            CHECK(stun_is_authentic(first, span_from_string(ours.credentials.pwd)), cases[i].name);
            CHECK(ours.peers == 0, cases[i].name);
        }
        draft.role = ends_controlling ? STUN_ROLE_CONTROLLED : STUN_ROLE_CONTROLLING;
        receive(&draft, ours.credentials.pwd, &elsewhere, &home);
        CHECK(last_sent()->message.role ==
                  (ends_controlling ? STUN_ROLE_CONTROLLING : STUN_ROLE_CONTROLLED),
              cases[i].name);
        close_pair();
    }
}

static void a_refused_role_is_changed_once(void **state)
{
    open_pair(true);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    wait_for(50 * NS_PER_MS);
    assert_int_equal(ours.sent_count, 2);
    answer_error(&ours.sent[0], STUN_ERROR_ROLE_CONFLICT);
    assert_int_equal(ours.sent_count, 3);
    assert_int_equal(ours.sent[2].message.role, STUN_ROLE_CONTROLLED);
    assert_true(ours.sent[2].message.tie_breaker != ours.sent[0].message.tie_breaker);
    answer_error(&ours.sent[1], STUN_ERROR_ROLE_CONFLICT); /* it was sent before */
    assert_int_equal(ours.sent[3].message.role, STUN_ROLE_CONTROLLED);
    answer_error(&ours.sent[0], STUN_ERROR_ROLE_CONFLICT); /* of a check that is over */
    answer_error(&ours.sent[3], STUN_ERROR_BAD_REQUEST);
    assert_int_equal(ours.sent_count, 4);
    assert_int_equal(ours.selections, 0);
    close_pair();
}

/* Consent */

static void consent_is_asked_for_every_five_seconds(void **state)
{
    open_pair(false);
    prove(&away, true);
    prove(&elsewhere, false); /* where no media goes it does not matter */
    for (unsigned i = 0; i < 50; i++) {
        test_ice_forget(&ours);
        int64_t before_ns = now_ns;
        wait_for_deadline();
        assert_int_equal(ours.sent_count, 1);
        assert_true(ice_address_equal(&ours.sent[0].to, &away));
        assert_true(now_ns - before_ns >= 4 * NS_PER_S && now_ns - before_ns <= 6 * NS_PER_S);
        answer(&ours.sent[0]);
    }
    close_pair();
}

static void consent_ends_thirty_seconds_after_the_last_answer(void **state)
{
    open_pair(false);
    prove(&away, true);
    wait_for(20 * NS_PER_S);
    for (unsigned i = 3; i < ours.sent_count; i++)
        assert_false(is_same_transaction(&ours.sent[i], &ours.sent[i - 1]));
    receive_check(&away, &home, true); /* that they ask is no consent */
    wait_for(30 * NS_PER_S - (now_ns - TEST_START) - 1);
    assert_true(ice_agent_on_time(ours.agent, TEST_START + 30 * NS_PER_S - 1));
    assert_true(ice_agent_deadline(ours.agent) <= TEST_START + 30 * NS_PER_S);
    assert_false(ice_agent_on_time(ours.agent, TEST_START + 30 * NS_PER_S));
    close_pair();
}

/* Whose an address is */

static void an_address_is_of_the_type_that_its_peer_says(void **state)
{
    enum { NOBODY = -1 };
    static const struct {
        const char         *name;
        int                 before, after, then; /* what is said before the check and after it */
        enum candidate_type want;
    } cases[] = {
        { "nothing is said", NOBODY, NOBODY, NOBODY, CANDIDATE_PRFLX },
        { "a host's", CANDIDATE_HOST, NOBODY, NOBODY, CANDIDATE_HOST },
        { "a server's view", CANDIDATE_SRFLX, NOBODY, NOBODY, CANDIDATE_SRFLX },
        { "a relay's", CANDIDATE_RELAY, NOBODY, NOBODY, CANDIDATE_RELAY },
        { "said later", NOBODY, CANDIDATE_SRFLX, NOBODY, CANDIDATE_SRFLX },
        { "said twice", CANDIDATE_HOST, CANDIDATE_SRFLX, NOBODY, CANDIDATE_HOST },
        { "said twice, later", NOBODY, CANDIDATE_RELAY, CANDIDATE_HOST, CANDIDATE_RELAY },
    };
    struct udp_address second = test_address("192.0.2.99:8189");
    for (size_t i = 0; i < COUNT(cases); i++) {
        open_pair(false);
        ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
        ice_agent_name_remote(ours.agent, &elsewhere, CANDIDATE_HOST); /* is another matter */
        if (cases[i].before != NOBODY) {
            ice_agent_add_remote(ours.agent, &away, now_ns);
            ice_agent_name_remote(ours.agent, &away, (enum candidate_type)cases[i].before);
        }
        receive_check(&away, &home, false);
        if (cases[i].after != NOBODY)
            ice_agent_name_remote(ours.agent, &away, (enum candidate_type)cases[i].after);
        if (cases[i].then != NOBODY)
            ice_agent_name_remote(ours.agent, &away, (enum candidate_type)cases[i].then);
        prove(&away, true);
        CHECK(ice_agent_selected_type(ours.agent) == cases[i].want, cases[i].name);
        receive_check(&away, &second, true); /* on another address of ours */
        answer(last_sent());
        CHECK(ours.selections == 2, cases[i].name);
        CHECK(ice_agent_selected_type(ours.agent) == cases[i].want, cases[i].name);
        close_pair();
    }
}

static void only_an_answer_proves_an_address(void **state)
{
    open_pair(false);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    assert_int_equal(ice_agent_answered_ns(ours.agent, &away), 0);
    receive_check(&away, &home, true);
    assert_int_equal(ice_agent_answered_ns(ours.agent, &away), 0);
    now_ns += NS_PER_S;
    answer(last_sent());
    assert_int_equal(ice_agent_answered_ns(ours.agent, &away), now_ns);
    assert_int_equal(ice_agent_answered_ns(ours.agent, &elsewhere), 0);

    struct udp_address second = test_address("192.0.2.99:8189");
    now_ns += NS_PER_S;
    receive_check(&away, &second, false);
    assert_int_equal(ice_agent_answered_ns(ours.agent, &away), now_ns - NS_PER_S);
    answer(last_sent());
    assert_int_equal(ice_agent_answered_ns(ours.agent, &away), now_ns);
    close_pair();
}

/* Checks of all kinds, and what is behind the tag is never the same. */
static void a_tag_tells_whom_an_answer_is_for(void **state)
{
    static const uint8_t tag[ICE_TAG_SIZE] = "tagged", other[ICE_TAG_SIZE] = "others";
    enum { REST = STUN_TRANSACTION_SIZE - ICE_TAG_SIZE };
    uint8_t before[REST] = { 0 };
    open_pair(false);
    ice_agent_set_tag(ours.agent, tag);
    for (unsigned i = 0; i < 8; i++) {
        if (i == 0)
            ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
        else if (i == 1)
            receive_check(&away, &home, true);
        else
            wait_for_deadline();
        const uint8_t *transaction = last_sent()->message.transaction;
        assert_memory_equal(transaction, tag, ICE_TAG_SIZE);
        assert_memory_not_equal(transaction + ICE_TAG_SIZE, before, REST);
        memcpy(before, transaction + ICE_TAG_SIZE, REST);
        answer(last_sent());
    }
    assert_int_equal(ours.selections, 1);
    wait_for_deadline();
    ice_agent_set_tag(ours.agent, other);
    now_ns += 29 * NS_PER_S;
    answer(last_sent()); /* to a check from before */
    now_ns += 29 * NS_PER_S;
    assert_true(ice_agent_on_time(ours.agent, now_ns));
    assert_memory_equal(last_sent()->message.transaction, other, ICE_TAG_SIZE);
    close_pair();
}

/* Strangers and rubbish */

static void what_is_not_authentic_costs_not_a_byte(void **state)
{
    struct stun_draft check = check_draft(true), response = { .type = STUN_BINDING_SUCCESS };
    struct stun_draft conflict = { .type = STUN_BINDING_ERROR,
                                   .error_code = STUN_ERROR_ROLE_CONFLICT };
    struct stun_draft indication = { .type = STUN_BINDING_INDICATION };
    struct stun_draft unknown_method = { .type = 0x0003 };
    const struct {
        const char        *name;
        struct stun_draft *draft;
        const char        *password;
        bool               is_answer; /* to our check */
        bool               is_from_elsewhere;
    } cases[] = {
        { "a check without a password", &check, "", false, false },
        { "a check with a wrong one", &check, "password of theirs", false, false },
        { "an answer to nothing", &response, "password of theirs", false, false },
        { "an answer without a password", &response, "", true, false },
        { "an answer with our own one", &response, "password of ours", true, false },
        { "an answer from elsewhere", &response, "password of theirs", true, true },
        { "an error without a password", &conflict, "", true, false },
        { "an error from elsewhere", &conflict, "password of theirs", true, true },
        { "an indication", &indication, "password of ours", false, false },
        { "another method", &unknown_method, "password of ours", false, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        open_pair(false);
        ice_agent_add_remote(ours.agent, &away, now_ns);
        struct stun_draft draft = *cases[i].draft;
        if (cases[i].is_answer)
            memcpy(draft.transaction, ours.sent[0].message.transaction, sizeof(draft.transaction));
        test_ice_forget(&ours);
        int64_t before_ns = ice_agent_deadline(ours.agent);
        receive(&draft, cases[i].password, cases[i].is_from_elsewhere ? &elsewhere : &away, &home);
        CHECK(ours.sent_count == 0 && ours.peers == 0, cases[i].name);
        CHECK(ours.selections == 0, cases[i].name);
        CHECK(ice_agent_deadline(ours.agent) == before_ns, cases[i].name);
        struct udp_address to, from;
        CHECK(!ice_agent_route(ours.agent, &to, &from), cases[i].name);
        close_pair();
    }
}

/* RFC 8489, section 9.1.3: the password alone does not say that a check is for this session. */
static void a_check_needs_both_names(void **state)
{
    static const struct {
        const char *name;
        struct span username;
        unsigned    answers;
    } cases[] = {
        { "both", BYTES("ours:theirs"), 2 },
        { "none", BYTES(""), 0 },
        { "ours alone", BYTES("ours"), 0 },
        { "... and nobody's", BYTES("ours:"), 0 },
        { "... and another one's", BYTES("ours:their"), 0 },
        { "... and a longer one", BYTES("ours:theirs2"), 0 },
        { "... and one more", BYTES("ours:theirs:theirs"), 0 },
        { "theirs alone", BYTES(":theirs"), 0 },
        { "the other way round", BYTES("theirs:ours"), 0 },
        { "another session's", BYTES("our:theirs"), 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stun_draft draft = check_draft(true);
        open_pair(false);
        draft.username = cases[i].username;
        receive(&draft, ours.credentials.pwd, &away, &home);
        CHECK(ours.sent_count == cases[i].answers, cases[i].name);
        CHECK(ours.peers == cases[i].answers / 2, cases[i].name);
        close_pair();
    }
}

/* The last attribute of what stun_write() makes is its FINGERPRINT. */
static void a_check_needs_a_fingerprint(void **state)
{
    enum { FINGERPRINT_BYTES = 8 };
    uint8_t             bytes[STUN_MAX_OUT];
    struct stun_draft   draft = check_draft(true);
    struct stun_message message;
    open_pair(false);
    size_t len = stun_write(&draft, span_from_string(ours.credentials.pwd), bytes);
    len -= FINGERPRINT_BYTES;
    write_be16(bytes + 2, (uint16_t)(len - STUN_HEADER_SIZE));
    assert_int_equal(stun_parse((struct span){ bytes, len }, &message), 0);
    assert_true(stun_is_authentic(&message, span_from_string(ours.credentials.pwd)));
    ice_agent_receive(ours.agent, &message, &away, &home, now_ns);
    assert_int_equal(ours.sent_count, 0);
    receive_check(&away, &home, true);
    assert_int_equal(ours.sent_count, 2);
    close_pair();
}

static void unknown_attributes_are_named(void **state)
{
    uint8_t             bytes[STUN_MAX_OUT];
    struct stun_draft   draft = check_draft(true);
    struct stun_message message;
    open_pair(false);
    size_t len = stun_write(&draft, span_from_string(ours.credentials.pwd), bytes);
    assert_int_equal(stun_parse((struct span){ bytes, len }, &message), 0);
    message.unknown_count = 2; /* as if it had them: stun_write() can't */
    message.unknown[0] = 0x7001;
    message.unknown[1] = 0x7002;
    ice_agent_receive(ours.agent, &message, &away, &home, now_ns);
    assert_int_equal(ours.sent_count, 1);
    assert_int_equal(ours.sent[0].message.error_code, STUN_ERROR_UNKNOWN_ATTRIBUTE);
    assert_true(stun_is_authentic(&ours.sent[0].message, span_from_string(ours.credentials.pwd)));
    struct span datagram = { ours.sent[0].bytes, ours.sent[0].len };
    assert_non_null(memmem(datagram.p, datagram.len, "\0\x0a\0\4\x70\1\x70\2", 8));
    assert_int_equal(ours.peers, 0);
    close_pair();
}

static void a_full_table_gives_way_to_what_is_alive(void **state)
{
    struct udp_address at = away;
    open_pair(false);
    prove(&elsewhere, true);
    for (unsigned i = 1; i < ICE_MAX_PAIRS + 8; i++) {
        at.v4.sin_port = htons((uint16_t)i);
        ice_agent_add_remote(ours.agent, &at, now_ns);
    }
    test_ice_forget(&ours);
    at = away;
    for (unsigned i = 1; i <= ICE_MAX_PAIRS; i++) {
        at.v4.sin_port = htons((uint16_t)(2000 + i));
        receive_check(&at, &home, false);
    }
    assert_int_equal(ours.peers, ICE_MAX_PAIRS - 1); /* one place is that of the selected pair */
    assert_int_equal(ours.sent_count,
                     2 * ICE_MAX_PAIRS - 1); /* the last is answered all the same */
    check_route(&elsewhere, &home);
    now_ns += 29 * NS_PER_S;
    receive_check(&at, &home, true);
    assert_int_equal(ours.peers, ICE_MAX_PAIRS - 1);
    now_ns += 2 * NS_PER_S;
    prove(&at, true);
    assert_int_equal(ours.selections, 1);
    check_route(&at, &home);
    close_pair();
}

/* Restart */

static void a_restart_needs_the_new_credentials(void **state)
{
    open_pair(false);
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    wait_for(60 * NS_PER_S); /* in vain */
    prove(&away, true);
    test_ice_forget(&ours);
    struct ice_credentials fresh = test_credentials("fresh");
    ice_agent_restart(ours.agent, &fresh, BYTES("newer"), BYTES("password of newer"));
    assert_string_equal(ice_agent_local(ours.agent)->ufrag, "fresh");
    assert_true(span_is(ice_agent_remote_ufrag(ours.agent), "newer"));
    check_route(&away, &home);
    receive_check(&away, &home, true); /* as before */
    assert_int_equal(ours.sent_count, 0);

    ours.credentials = fresh;
    theirs.credentials = test_credentials("newer");
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    assert_int_equal(ours.sent_count, 1); /* forgotten, and tried again */
    assert_true(span_is(ours.sent[0].message.username, "newer:fresh"));
    assert_true(stun_is_authentic(&ours.sent[0].message, BYTES("password of newer")));
    prove(&elsewhere, true);
    assert_int_equal(ours.selections, 1);
    check_route(&elsewhere, &home);
    close_pair();
}

static void a_lite_peer_is_nominated_anew_after_a_restart(void **state)
{
    open_pair(true);
    ice_agent_add_remote(ours.agent, &away, now_ns);
    answer(last_sent());
    struct ice_credentials fresh = test_credentials("fresh");
    ice_agent_restart(ours.agent, &fresh, BYTES("theirs"), BYTES("password of theirs"));
    now_ns += NS_PER_S;
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    answer(last_sent());
    assert_int_equal(ours.selections, 2);
    assert_true(last_sent()->message.use_candidate);
    check_route(&elsewhere, &home);
    close_pair();
}

static void a_restart_may_end_where_it_began(void **state)
{
    for (unsigned is_controlling = 0; is_controlling < 2; is_controlling++) {
        open_pair(is_controlling);
        test_ice_add_agent(&theirs, &ours, !is_controlling);
        ice_agent_add_remote(ours.agent, &away, now_ns);
        test_ice_settle(&ours, &theirs);
        struct ice_credentials ours_new = test_credentials("o2"),
                               theirs_new = test_credentials("t2");
        ice_agent_restart(ours.agent, &ours_new, BYTES("t2"), BYTES("password of t2"));
        ice_agent_restart(theirs.agent, &theirs_new, BYTES("o2"), BYTES("password of o2"));
        for (unsigned i = 0; i < 20; i++) {
            now_ns += 3 * NS_PER_S;
            assert_true(ice_agent_on_time(ours.agent, now_ns));
            assert_true(ice_agent_on_time(theirs.agent, now_ns));
            test_ice_settle(&ours, &theirs);
        }
        assert_int_equal(ours.selections, 1);
        check_route(&away, &home);
        close_pair();
    }
}

/* Words */

static void a_failure_is_told_in_words(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    struct stun_draft         check = check_draft(false);
    open_pair(false);
    ice_agent_describe(ours.agent, "is the port open?", &text);
    assert_string_equal(buf_string(&text),
                        "remote candidates: none; no STUN came from the client: is the port open?");
    buf_consume(&text, text.len);
    ice_agent_add_remote(ours.agent, &elsewhere, now_ns);
    receive(&check, "wrong", &away, &home);
    ice_agent_describe(ours.agent, "is the port open?", &text);
    assert_string_equal(buf_string(&text),
                        "remote candidates: 203.0.113.3:6000; 1 STUN check came, "
                        "with a wrong user name or password, or no FINGERPRINT");
    buf_consume(&text, text.len);
    receive_check(&away, &home, false);
    ice_agent_describe(ours.agent, "is the port open?", &text);
    assert_string_equal(buf_string(&text),
                        "remote candidates: 203.0.113.3:6000, 198.51.100.2:5000 (heard); 2 STUN "
                        "checks came: can our answers reach the client?");
    buf_consume(&text, text.len);
    prove(&elsewhere, true);
    ice_agent_describe(ours.agent, "is the port open?", &text);
    assert_string_equal(buf_string(&text), "remote candidates: 203.0.113.3:6000 (answers), "
                                           "198.51.100.2:5000 (heard); 3 STUN checks came, and a "
                                           "way was found");
    close_pair();
}

static void addresses_are_equal_when_host_and_port_are(void **state)
{
    static const struct {
        const char *a, *b;
        bool        want;
    } cases[] = {
        { "192.0.2.1:1", "192.0.2.1:1", true },
        { "192.0.2.1:1", "192.0.2.1:2", false },
        { "192.0.2.1:1", "192.0.2.2:1", false },
        { "[2001:db8::1]:1", "[2001:db8::1]:1", true },
        { "[2001:db8::1]:1", "[2001:db8::2]:1", false },
        { "[2001:db8::1]:1", "192.0.2.1:1", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct udp_address a = test_address(cases[i].a), b = test_address(cases[i].b);
        CHECK(ice_address_equal(&a, &b) == cases[i].want, cases[i].b);
    }
}

TESTS(a_check_is_answered_by_a_check_at_once, two_agents_find_each_other_in_no_time,
      the_peer_is_told_its_address_in_its_family, checks_come_again_at_their_times,
      an_early_answer_counts_whatever_was_sent_since, candidates_are_checked_one_after_another,
      nothing_is_selected_before_it_is_nominated_and_proven, the_newest_nomination_wins,
      a_way_back_is_proven_anew, our_own_address_is_part_of_the_way,
      media_may_go_before_the_nomination, media_goes_where_somebody_answers,
      a_lite_peer_is_nominated_until_it_answers, a_role_conflict_is_settled_by_the_tie_breakers,
      a_refused_role_is_changed_once, consent_is_asked_for_every_five_seconds,
      consent_ends_thirty_seconds_after_the_last_answer,
      an_address_is_of_the_type_that_its_peer_says, only_an_answer_proves_an_address,
      a_tag_tells_whom_an_answer_is_for, what_is_not_authentic_costs_not_a_byte,
      a_check_needs_both_names, a_check_needs_a_fingerprint, unknown_attributes_are_named,
      a_full_table_gives_way_to_what_is_alive, a_restart_needs_the_new_credentials,
      a_lite_peer_is_nominated_anew_after_a_restart, a_restart_may_end_where_it_began,
      a_failure_is_told_in_words, addresses_are_equal_when_host_and_port_are)
