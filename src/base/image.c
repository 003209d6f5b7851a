#include "base/image.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/symbols.h"

enum {
    MAX_MODULES = 64, /* the program links some ten libraries */
    BUILD_ID_BYTES = 20,
};

struct module {
    const char *name;
    uintptr_t   base; /* what is added to the addresses in the file */
    uintptr_t   code, code_end;
};

static struct module  modules[MAX_MODULES]; /* the first is the program */
static unsigned       module_count;
static struct symbols own_symbols;
static char           build_id[2 * BUILD_ID_BYTES + 1] = "unknown";

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void write_build_id(const uint8_t *bytes)
{
    for (size_t i = 0; i < BUILD_ID_BYTES; i++) {
        build_id[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        build_id[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}

/* Notes: sizes of name and bytes, type, name, bytes; each padded to 4. */
static void find_build_id(struct span notes)
{
    ElfW(Nhdr) note;
    while (notes.len >= sizeof(note)) {
        memcpy(&note, notes.p, sizeof(note));
        size_t name_len = (note.n_namesz + 3u) & ~3u, len = (note.n_descsz + 3u) & ~3u;
        notes = span_skip(notes, sizeof(note));
        if (name_len > notes.len || len > notes.len - name_len)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz == BUILD_ID_BYTES &&
            span_starts_with(notes, ELF_NOTE_GNU))
            write_build_id(notes.p + name_len);
        notes = span_skip(notes, name_len + len);
    }
}

static int on_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    bool           is_program = module_count == 0;
    struct module *module = &modules[module_count++];
    module->name = is_program ? program_invocation_short_name : base_name(info->dlpi_name);
    module->base = info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = module->base + segment->p_vaddr;
        /* Linkers make one segment of code; a range over several could have holes. */
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && !module->code) {
            module->code = start;
            module->code_end = start + segment->p_memsz;
        }
        if (segment->p_type == PT_NOTE && is_program)
            find_build_id((struct span){ (const uint8_t *)start, segment->p_memsz });
    }
    return module_count == MAX_MODULES;
}

/* Mapped now: when a crash needs it, there may be no descriptor left to open it with. */
static void open_own_symbols(void)
{
    struct stat info;
    int         fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0) {
        size_t size = (size_t)info.st_size;
        void  *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file != MAP_FAILED && symbols_open((struct span){ file, size }, &own_symbols) < 0)
            (void)munmap(file, size);
    }
    (void)close(fd);
}

void image_init(void)
{
    if (module_count > 0)
        return;
    (void)dl_iterate_phdr(on_module, NULL);
    open_own_symbols();
}

const char *image_build_id(void)
{
    return build_id;
}

static const struct module *find_module(uintptr_t address)
{
    for (unsigned i = 0; i < module_count; i++) {
        if (address >= modules[i].code && address < modules[i].code_end)
            return &modules[i];
    }
    return NULL;
}

bool image_is_own_code(uintptr_t address)
{
    return address >= modules[0].code && address < modules[0].code_end;
}

bool image_is_code(uintptr_t address)
{
    return find_module(address) != NULL;
}

static int find_own_symbol(uintptr_t address, struct symbol *out)
{
    if (!image_is_own_code(address))
        return -ENOENT;
    return symbols_find(&own_symbols, address - modules[0].base, out);
}

bool image_is_own_function(uintptr_t address)
{
    struct symbol symbol;
    return find_own_symbol(address, &symbol) == 0 && symbol.start == address - modules[0].base;
}

void image_add_name(uintptr_t address, struct text *out)
{
    struct symbol symbol;
    if (find_own_symbol(address, &symbol) < 0) {
        image_add_place(address, out);
        return;
    }
    text_add(out, symbol.name);
    text_add_string(out, "+");
    text_add_hex(out, address - modules[0].base - symbol.start);
}

void image_add_place(uintptr_t address, struct text *out)
{
    const struct module *module = find_module(address);
    if (module) {
        text_add_string(out, module->name);
        text_add_string(out, "+");
        address -= module->base;
    }
    text_add_hex(out, address);
}
