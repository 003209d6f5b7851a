#include "base/check.h"
#include "base/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span    elf = { data, size };
    struct symbols symbols;
    if (symbols_open(elf, &symbols) < 0)
        return 0;
    ASSERT(span_contains(elf, symbols.table) && span_contains(elf, symbols.names));
    static const uint64_t addresses[] = { 0, 1, 0x1000, 0x1010, 0x2000, INT64_MAX, UINT64_MAX };
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct symbol symbol;
        if (symbols_find(&symbols, addresses[i], &symbol) == 0) {
            ASSERT(symbol.name.len > 0 && span_contains(symbols.names, symbol.name));
            ASSERT(symbol.start <= addresses[i]);
        }
    }
    return 0;
}
