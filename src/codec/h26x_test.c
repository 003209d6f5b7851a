#include "codec/h26x.h"

#include <errno.h>

#include "base/test.h"
#include "codec/codec.h"

enum { STARTS = CODEC_STARTS_KEYFRAME, PARAMS = CODEC_HAS_PARAMS };

static const struct packet {
    const char *name;
    struct span payload;
    unsigned    flags;
    const char *params; /* what is visited: types and sizes */
} h264_packets[] = {
    { "IDR", BYTES("\x65\x88\x84"), STARTS, "" },
    { "IDR of one byte", BYTES("\x65"), STARTS, "" },
    { "not referenced, forbidden bit set", BYTES("\x85\x88"), STARTS, "" },
    { "slice", BYTES("\x41\x9a"), 0, "" },
    { "SEI (a recovery point, say)", BYTES("\x06\x06\x01\xc4\x80"), 0, "" },
    { "AUD", BYTES("\x09\xf0"), 0, "" },
    { "SPS", BYTES("\x67\x42\xc0\x1e"), STARTS | PARAMS, "7:4 " },
    { "SPS, zeros behind it", BYTES("\x67\x42\xc0\x1e\0\0"), STARTS | PARAMS, "7:4 " },
    { "PPS starts nothing", BYTES("\x68\xce\x3c"), PARAMS, "8:3 " },
    { "STAP-A: SPS, PPS", BYTES("\x78\0\3\x67\x42\xc0\0\2\x68\xce"), STARTS | PARAMS, "7:3 8:2 " },
    { "STAP-A: SEI, IDR", BYTES("\x78\0\2\x06\x05\0\2\x65\x88"), STARTS, "" },
    { "STAP-A: two slices", BYTES("\x78\0\2\x41\x9a\0\2\x41\x9a"), 0, "" },
    { "STAP-A: size 0", BYTES("\x78\0\0\0\2\x65\x88"), 0, "" },
    { "STAP-A: SPS, then cut short", BYTES("\x78\0\2\x67\x42\0\5\x65"), STARTS | PARAMS, "7:2 " },
    { "STAP-A: IDR beyond the end", BYTES("\x78\0\3\x65\x88"), 0, "" },
    { "STAP-A without units", BYTES("\x78"), 0, "" },
    { "FU-A: first of IDR", BYTES("\x7c\x85\x88"), STARTS, "" },
    { "FU-A: first, reserved bit set", BYTES("\x7c\xa5\x88"), STARTS, "" },
    { "FU-A: first and last", BYTES("\x7c\xc5\x88"), STARTS, "" },
    { "FU-A: first, empty", BYTES("\x7c\x85"), STARTS, "" },
    { "FU-A: middle of IDR", BYTES("\x7c\x05\x88"), 0, "" },
    { "FU-A: last of IDR", BYTES("\x7c\x45\x88"), 0, "" },
    { "FU-A: first of slice", BYTES("\x7c\x81\x9a"), 0, "" },
    { "FU-A: first of SPS, which is not whole", BYTES("\x7c\x87\x42"), STARTS, "" },
    { "FU-A: first of PPS", BYTES("\x7c\x88\xce"), 0, "" },
    { "FU-A cut short", BYTES("\x7c"), 0, "" },
    { "FU-B", BYTES("\x7d\x85\0\0\x88"), 0, "" },
    { "MTAP16", BYTES("\x7a\0\0\0\3\0\0\0\x65"), 0, "" },
    { "unknown type", BYTES("\x7f\x85\x88"), 0, "" },
    { "type 0", BYTES("\x60\x65"), 0, "" },
    { "empty", BYTES(""), 0, "" },
    { "Annex B inside", BYTES("\0\0\0\1\x67\x42\0\0\0\1\x68\xce\0\0\1\x65\x88"), STARTS | PARAMS,
      "7:2 8:2 " },
    { "Annex B inside, short code", BYTES("\0\0\1\x65\x88"), STARTS, "" },
    { "Annex B inside, a slice", BYTES("\0\0\1\x41\x9a"), 0, "" },
    { "Annex B inside, nothing", BYTES("\0\0\0\1"), 0, "" },
    { "zeros", BYTES("\0\0\0\0\0\0"), 0, "" },
    { "sets and picture as one NAL unit",
      BYTES("\x67\x42\xc0\0\0\0\1\x68\xce\0\0\0\1\x06\x05\0\0\1\x65\x88"), STARTS | PARAMS,
      "7:3 8:2 " },
};

static const struct packet h265_packets[] = {
    { "IDR_W_RADL", BYTES("\x26\x01\xaf"), STARTS, "" },
    { "IDR_N_LP", BYTES("\x28\x01\xaf"), STARTS, "" },
    { "CRA", BYTES("\x2a\x01\xaf"), STARTS, "" },
    { "BLA, first IRAP type", BYTES("\x20\x01\xaf"), STARTS, "" },
    { "last IRAP type", BYTES("\x2e\x01\xaf"), STARTS, "" },
    { "before IRAP", BYTES("\x1e\x01\xaf"), 0, "" },
    { "behind IRAP", BYTES("\x30\x01\xaf"), 0, "" },
    { "TRAIL_R", BYTES("\x02\x01\xd0"), 0, "" },
    { "VPS", BYTES("\x40\x01\x0c"), STARTS | PARAMS, "32:3 " },
    { "SPS", BYTES("\x42\x01\x01\x01"), STARTS | PARAMS, "33:4 " },
    { "PPS starts nothing", BYTES("\x44\x01\xc1"), PARAMS, "34:3 " },
    { "SEI", BYTES("\x4e\x01\x05"), 0, "" },
    { "AP: VPS, SPS, PPS", BYTES("\x60\x01\0\3\x40\x01\x0c\0\4\x42\x01\x01\x01\0\3\x44\x01\xc1"),
      STARTS | PARAMS, "32:3 33:4 34:3 " },
    { "AP: SEI, IDR", BYTES("\x60\x01\0\3\x4e\x01\x05\0\3\x26\x01\xaf"), STARTS, "" },
    { "AP: size 0", BYTES("\x60\x01\0\0\0\3\x26\x01\xaf"), 0, "" },
    { "AP cut short", BYTES("\x60\x01\0\3\x26\x01"), 0, "" },
    { "FU: first of IDR", BYTES("\x62\x01\x93\xaf"), STARTS, "" },
    { "FU: middle of IDR", BYTES("\x62\x01\x13\xaf"), 0, "" },
    { "FU: last of IDR", BYTES("\x62\x01\x53\xaf"), 0, "" },
    { "FU: first of TRAIL_R", BYTES("\x62\x01\x81\xaf"), 0, "" },
    { "FU: first of SPS", BYTES("\x62\x01\xa1\x01"), STARTS, "" },
    { "FU cut short", BYTES("\x62\x01"), 0, "" },
    { "PACI", BYTES("\x64\x01\x26\x01"), 0, "" },
    { "half a header", BYTES("\x26"), 0, "" },
    { "empty", BYTES(""), 0, "" },
    { "Annex B inside", BYTES("\0\0\0\1\x40\x01\x0c\0\0\1\x26\x01\xaf"), STARTS | PARAMS, "32:3 " },
    { "sets as one NAL unit", BYTES("\x40\x01\x0c\0\0\0\1\x42\x01\x01\0\0\0\1\x44\x01\xc1"),
      STARTS | PARAMS, "32:3 33:3 34:3 " },
};

struct visited {
    struct span payload;
    char        text[256];
};

static void on_param(void *arg, uint8_t type, struct span nal)
{
    struct visited *visited = arg;
    size_t          used = strlen(visited->text);
    assert_true(span_contains(visited->payload, nal));
    (void)snprintf(visited->text + used, sizeof(visited->text) - used, "%u:%zu ", type, nal.len);
}

static void packets_of_h264_are_inspected(void **state)
{
    for (size_t i = 0; i < COUNT(h264_packets); i++) {
        const struct packet *packet = &h264_packets[i];
        struct visited       visited = { packet->payload, "" };
        CHECK(h264_inspect(packet->payload) == packet->flags, packet->name);
        h264_visit_params(packet->payload, on_param, &visited);
        CHECK(strcmp(visited.text, packet->params) == 0, packet->name);
    }
}

static void packets_of_h265_are_inspected(void **state)
{
    for (size_t i = 0; i < COUNT(h265_packets); i++) {
        const struct packet *packet = &h265_packets[i];
        struct visited       visited = { packet->payload, "" };
        CHECK(h265_inspect(packet->payload) == packet->flags, packet->name);
        h265_visit_params(packet->payload, on_param, &visited);
        CHECK(strcmp(visited.text, packet->params) == 0, packet->name);
    }
}

/* Hexadecimal digits to bytes. */
static struct span from_hex(const char *text, uint8_t *out, size_t size)
{
    size_t len = strlen(text) / 2;
    assert_true(len <= size);
    for (size_t i = 0; i < len; i++) {
        uint32_t byte = 0;
        assert_int_equal(span_to_hex32((struct span){ (const uint8_t *)text + 2 * i, 2 }, &byte),
                         0);
        out[i] = (uint8_t)byte;
    }
    return (struct span){ out, len };
}

struct sps {
    const char *name, *hex;
    uint32_t    width, height; /* 0: refused */
};

/* Those with a picture timing behind them were written by x264, the others bit by bit. */
static const struct sps h264_sets[] = {
    { "high, 1080 cropped", "67640028acd940780227e5c044000003000400000300c83c60c658", 1920, 1080 },
    { "baseline, 360 cropped", "6742c01ed900a02ff97011000003000100000300320f162e48", 640, 360 },
    { "interlaced", "67640028acd94078044fde0220000003002000000643e2c5b2c0", 1920, 1080 },
    { "4:4:4", "67f4000d919b282a33c7c5e022000003000200000300641e28532c", 322, 182 },
    { "4:2:2 of 10 bits", "677a000db6cd941519e222f011000003000100000300320f142996", 322, 182 },
    { "monochrome", "6764000df365054678f8bc05b2000003000200000300641e28532c", 322, 182 },
    { "scaling lists, order type 1, fields, cropped on all sides",
      "6764001ead845ffff5249249249249214852148521485214852148521485214852148521485214852148521485"
      "2148521485214852148550e3888a009610283dd32150",
      314, 452 },
    { "twelve scaling lists",
      "67f4001e91bfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
      "ffffffffffffffffffffffffffffffffffffffffffff68141f90",
      320, 240 },
    { "separate planes, cropped by single samples", "67f4001e93968141fd69", 319, 239 },
    { "4:2:2, cropped", "677a001ebcb40a0fe92480", 316, 238 },
    { "monochrome fields, cropped", "6764001ef2d0283de491", 317, 474 },
    { "order type 0", "6742001ee540a0fc80", 320, 240 },
    { "order type 1, longest cycle",
      "6742001ed0e380201fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd0283f20",
      320, 240 },
    { "order type 1, cycle of 256",
      "6742001ed0e380203fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe8141f90", 0,
      0 },
    { "order type 3", "6742001ec88141f9", 0, 0 },
    { "chroma format 4", "6764001e972d0283f2", 0, 0 },
    { "largest id", "6742001e04168141f9", 320, 240 },
    { "id too large", "6742001e04368141f9", 0, 0 },
    { "largest width", "6742001eda00107f90", 16880, 16 },
    { "too wide", "6742001eda00108390", 0, 0 },
    { "cropped to two columns", "6742001eda7ca4d0", 2, 16 },
    { "cropped to nothing", "6742001eda7ca5d0", 0, 0 },
    { "crop beyond 32 bits", "6742001eda0507f0000003001fffffff62f4", 0, 0 },
    { "a PPS", "68ebe3cb22c0", 0, 0 },
    { "only a header", "67", 0, 0 },
    { "zeros to the end", "6742001e00000300000300000300000300", 0, 0 },
};

static const struct sps h265_sets[] = {
    { "main, 1080 cropped",
      "420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84", 1920,
      1080 },
    { "4:2:2 of 10 bits",
      "4201010408000003009d0800000300003cb00a480b9c96d96566924caf016808000003000800000300c840", 322,
      182 },
    { "4:4:4",
      "4201010408000003009e0800000300003c90014901739ef2cacd24995e02d0100000030010000003019080", 322,
      182 },
    { "monochrome",
      "4201010408000003009fc800000300003cc029202e73de5959a4932bc05b020000030002000003003210", 322,
      182 },
    { "a sub-layer without profile",
      "42010201600000030090000003000003005d0000a00280802d1659598acd24995e02d0100000030010000003019"
      "080",
      1280, 720 },
    { "sub-layers with profile and with level",
      "4201050160000003000003000003000003005ad0000160000003000003000003000003005a5aa00a080f1d5fad6b"
      "ef0820",
      318, 236 },
    { "six sub-layers with everything",
      "42010d0160000003000003000003000003005afff00160000003000003000003000003005a016000000300000300"
      "0003000003005a0160000003000003000003000003005a0160000003000003000003000003005a01600000030000"
      "03000003000003005a0160000003000003000003000003005aa00a080f17ad6b5ad6bef082",
      320, 240 },
    { "seven sub-layers", "42010f0160000003000003000003000003005a0000a00a080f17ad6b5ad6b5f78410", 0,
      0 },
    { "4:2:2, cropped on all sides", "4201010160000003000003000003000003005ab00a080f1a497afbc208",
      316, 238 },
    { "separate planes, cropped", "4201010160000003000003000003000003005a92014101e3492f5f7841", 318,
      238 },
    { "id too large", "4201010160000003000003000003000003005a08a00a080f17afbc2080", 0, 0 },
    { "width 0", "4201010160000003000003000003000003005aa80f17afbc2080", 0, 0 },
    { "largest width", "4201010160000003000003000003000003005aa00020fc897afbc208", 16888, 8 },
    { "too wide", "4201010160000003000003000003000003005aa00020fd097afbc208", 0, 0 },
    { "of an upper layer",
      "420901016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84", 0,
      0 },
    { "a PPS", "4401c172b46240", 0, 0 },
    { "only a header", "4201", 0, 0 },
};

static void check_sets(const struct sps *sets, size_t count,
                       int (*parse)(struct span, struct h26x_size *))
{
    for (size_t i = 0; i < count; i++) {
        uint8_t          bytes[256];
        struct span      nal = from_hex(sets[i].hex, bytes, sizeof(bytes));
        struct h26x_size size = { 0, 0 };
        CHECK(parse(nal, &size) == (sets[i].width ? 0 : -EBADMSG), sets[i].name);
        CHECK(size.width == sets[i].width && size.height == sets[i].height, sets[i].name);
    }
}

static void sizes_are_read_from_h264(void **state)
{
    check_sets(h264_sets, COUNT(h264_sets), h264_parse_sps);
}

static void sizes_are_read_from_h265(void **state)
{
    check_sets(h265_sets, COUNT(h265_sets), h265_parse_sps);
}

/* Up to the crop the size is not known, so what is cut before that must be refused. */
static void sets_may_be_cut_anywhere(void **state)
{
    uint8_t          bytes[256];
    struct h26x_size size;
    struct span      nal = from_hex("6742001eda0507e4", bytes, sizeof(bytes));
    for (size_t len = 0; len < nal.len - 1; len++)
        assert_int_equal(h264_parse_sps(span_first(nal, len), &size), -EBADMSG);
    nal = from_hex("4201010160000003000003000003000003005aa00020fc89", bytes, sizeof(bytes));
    for (size_t len = 0; len < nal.len - 1; len++)
        assert_int_equal(h265_parse_sps(span_first(nal, len), &size), -EBADMSG);
}

/* Those of x264 and x265 are as they were written, the others made bit by bit. */
static const struct order {
    const char *name, *hex;
    bool        is_kept;
} h264_orders[] = {
    { "x264, -bf 0", "67640015acb202863e4c0440000003004000000c980800493c00124fe4c30078b17240",
      true },
    { "x264, baseline", "6742c00cd901419f9f011000000300100000030320f142a480", true },
    { "x264, all intra, which it does not say",
      "676e1028a6d42032330c7118886210191986388c44302102564e6f37cdf9bf816bf37cde6e6cd33c05a0227e5c38"
      "40000003004000000ca1",
      false },
    { "x264, -bf 2", "6764000cacd941419f9f011000000300100000030320f1429960", false },
    { "x264, -bf 2, with HRD",
      "6764000cacd941419f9f0110000003001000000303260200124f000493f930c01e28532c", false },
    { "x264, -bf 3, with everything in its VUI",
      "67640015acd941431f26034a0202036e000003000200000300641e2c5b2c", false },
    { "restricted to none", "6764001eacda0507e8078b1750", true },
    { "restricted to one", "6764001eacda0507e8078b1694", false },
    { "the same with all that a VUI may have",
      "6764001eacda0507effc0010000edc040406dc000003000400000300cb46800fa400fa2007d4007d10c631c101a0"
      "03e9003e8801f5001f4400fac00fa2007d8007d1003ed003e8801f7001f4400fbc00fa2007e0007d1003f1003e88"
      "01f9001f4400fcc00fa2007e8007d1003f5003e8801fb001f4400fdc00fa2007f0007d1003f9003e8801fd001f44"
      "00fec00fa2007f8007d1003fd003e8801ff001f4400ffc00fa200200001f4400401003e8800804007d100100c00f"
      "a200202001f4400405003e880080c007d100101c00fa200204001f44318c6f8b1750",
      true },
    { "one, with all that a VUI may have",
      "6764001eacda0507effc0010000edc040406dc000003000400000300cb46800fa400fa2007d4007d10c631c101a0"
      "03e9003e8801f5001f4400fac00fa2007d8007d1003ed003e8801f7001f4400fbc00fa2007e0007d1003f1003e88"
      "01f9001f4400fcc00fa2007e8007d1003f5003e8801fb001f4400fdc00fa2007f0007d1003f9003e8801fd001f44"
      "00fec00fa2007f8007d1003fd003e8801ff001f4400ffc00fa200200001f4400401003e8800804007d100100c00f"
      "a200202001f4400405003e880080c007d100101c00fa200204001f44318c6f8b1694",
      false },
    { "main, none", "674d001eed0283f403c58ba8", true },
    { "main, the most", "674d001eed0283f403c58b08a8", false },
    { "more than the most", "6764001eacda0507e8078b161250", false },
    { "not restricted", "6764001eacda0507e802", false },
    { "no VUI", "6764001eacda0507e4", false },
    { "no VUI, shown as decoded", "6764001eacb40a0fc8", true },
    { "baseline without VUI", "6742001eed0283f2", true },
    { "cut short in its VUI", "6764001eacda0507effc0010000edc040406dc000003000400000300cb46",
      false },
    { "cut short in its restriction", "6764001eacda0507e8078b", false },
    { "a PPS", "68ebe3cb22c0", false },
    { "nothing", "", false },
};

static const struct order h265_orders[] = {
    { "x265, bframes=0",
      "42010101600000030090000003000003003ca00a080c1f3e5ba4a4c2f0168080000003008000000c84", true },
    { "x265, bframes=0, two layers in time",
      "42010101600000030090000003000003003ca00a080b9f7964a924caf0168080000003008000000c84", true },
    { "x265",
      "42010101600000030090000003000003003ca00a080b9f796566924caf016808000003000800000300c840",
      false },
    { "x265, bframes=1",
      "42010101600000030090000003000003003ca00a080b9f79644e4932bc05a02000000300200000030321",
      false },
    { "three sub-layers, none", "42010501600000030090000003000003005a0000a00a080f165972e5e0",
      true },
    { "three sub-layers, the highest two",
      "42010501600000030090000003000003005a0000a00a080f165972a95e", false },
    { "three sub-layers, said once, none", "42010501600000030090000003000003005a0000a00a080f165178",
      true },
    { "three sub-layers, said once, two", "42010501600000030090000003000003005a0000a00a080f16515e",
      false },
    { "more than the most", "42010101600000030090000003000003005aa00a080f16594258", false },
    { "cut short", "42010101600000030090000003000003003ca00a080c1f3e", false },
    { "a PPS", "4401c172b46240", false },
    { "nothing", "", false },
};

static void check_orders(const struct order *orders, size_t count, bool (*keeps)(struct span))
{
    for (size_t i = 0; i < count; i++) {
        uint8_t     bytes[256];
        struct span nal = from_hex(orders[i].hex, bytes, sizeof(bytes));
        CHECK(keeps(nal) == orders[i].is_kept, orders[i].name);
    }
}

static void sets_may_rule_b_frames_out(void **state)
{
    check_orders(h264_orders, COUNT(h264_orders), h264_keeps_order);
    check_orders(h265_orders, COUNT(h265_orders), h265_keeps_order);
}

static void annexb_is_cut_into_nal_units(void **state)
{
    static const struct {
        const char *name;
        struct span stream;
        const char *nals; /* first byte and size of each */
    } cases[] = {
        { "long and short codes", BYTES("\0\0\0\1\x67\x42\0\0\1\x68\xce\x3c"), "67:2 68:3 " },
        { "rubbish in front", BYTES("ab\0\0\1\x65"), "65:1 " },
        { "no code", BYTES("\x65\x88"), "" },
        { "empty", BYTES(""), "" },
        { "only a code", BYTES("\0\0\1"), "" },
        { "codes without units", BYTES("\0\0\1\0\0\1\0\0\0\1\x65\0\0\1"), "65:1 " },
        { "zeros behind", BYTES("\0\0\1\x65\x88\0\0\0\0"), "65:2 " },
        { "zeros between", BYTES("\0\0\1\x65\x88\0\0\0\0\0\1\x41"), "65:2 41:1 " },
        { "only zeros", BYTES("\0\0\0\0\0\0"), "" },
        { "emulation prevention stays", BYTES("\0\0\1\x65\0\0\3\1\x88"), "65:6 " },
        { "code cut short", BYTES("\0\0\1\x65\x88\0\0"), "65:2 " },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span rest = cases[i].stream, nal;
        char        text[64] = "";
        while (h26x_next_annexb(&rest, &nal)) {
            CHECK(span_contains(cases[i].stream, nal), cases[i].name);
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof(text) - used, "%02x:%zu ", nal.p[0], nal.len);
        }
        CHECK(strcmp(text, cases[i].nals) == 0, cases[i].name);
        CHECK(rest.len == 0, cases[i].name);
    }
}

static void payloads_are_cut_into_nal_units(void **state)
{
    static const struct {
        const char *name;
        struct span payload;
        const char *nals; /* first byte and size of each */
    } cases[] = {
        { "one", BYTES("\x65\x88"), "65:2 " },
        { "nothing", BYTES(""), "" },
        { "a fragment", BYTES("\x7c\x85\x88"), "" },
        { "an aggregate", BYTES("\x78\0\2\x67\x42\0\1\x65"), "67:2 65:1 " },
        { "cut short", BYTES("\x78\0\2\x67\x42\0\2\x65"), "67:2 " },
        { "Annex B", BYTES("\0\0\1\x09\xf0\0\0\1\x65\x88"), "09:2 65:2 " },
        { "a picture behind a set", BYTES("\x67\x42\0\0\1\x68\0\0\1\x65\x88"), "67:2 68:1 65:2 " },
        { "the same in an aggregate", BYTES("\x78\0\6\x67\x42\0\0\1\x68\0\1\x65"),
          "67:2 68:1 65:1 " },
        { "zeros behind a set", BYTES("\x68\xce\0\0"), "68:2 " },
        { "a code in a picture stays", BYTES("\x65\x88\0\0\1\x68"), "65:6 " },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct h26x_units units = h264_units(cases[i].payload);
        struct span       nal;
        char              text[64] = "";
        while (h26x_next_unit(&units, &nal)) {
            CHECK(span_contains(cases[i].payload, nal), cases[i].name);
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof(text) - used, "%02x:%zu ", nal.p[0], nal.len);
        }
        CHECK(strcmp(text, cases[i].nals) == 0, cases[i].name);
        CHECK(!h26x_next_unit(&units, &nal), cases[i].name);
    }
    struct h26x_units units = h265_units(BYTES("\x60\1\0\2\x40\1\0\3\x26\1\x88"));
    struct span       nal;
    assert_true(h26x_next_unit(&units, &nal) && nal.len == 2);
    assert_true(h26x_next_unit(&units, &nal) && nal.len == 3);
    assert_false(h26x_next_unit(&units, &nal));
}

TESTS(packets_of_h264_are_inspected, packets_of_h265_are_inspected, sizes_are_read_from_h264,
      sizes_are_read_from_h265, sets_may_be_cut_anywhere, sets_may_rule_b_frames_out,
      annexb_is_cut_into_nal_units, payloads_are_cut_into_nal_units)
