#include "base/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

enum { SECTIONS = 3, SYMBOLS = 6 };

/* A small file: sections are none, the table, its names. */
struct file {
    Elf64_Ehdr header;
    Elf64_Shdr sections[SECTIONS];
    Elf64_Sym  symbols[SYMBOLS];
    char       names[32];
};

static const char names[32] = "\0main\0helper\0table";

enum { NAME_MAIN = 1, NAME_HELPER = 6, NAME_TABLE = 13 };

static Elf64_Sym symbol(uint32_t name, unsigned type, uint16_t section, uint64_t start,
                        uint64_t size)
{
    return (Elf64_Sym){ .st_name = name,
                        .st_info = ELF64_ST_INFO(STB_LOCAL, type),
                        .st_shndx = section,
                        .st_value = start,
                        .st_size = size };
}

static struct file make_file(void)
{
    struct file file = {
        .header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
                    .e_shoff = offsetof(struct file, sections),
                    .e_shentsize = sizeof(Elf64_Shdr),
                    .e_shnum = SECTIONS },
        .sections = { [1] = { .sh_type = SHT_SYMTAB,
                              .sh_offset = offsetof(struct file, symbols),
                              .sh_size = sizeof(Elf64_Sym[SYMBOLS]),
                              .sh_link = 2 },
                      [2] = { .sh_type = SHT_STRTAB,
                              .sh_offset = offsetof(struct file, names),
                              .sh_size = sizeof(names) } },
        .symbols = { [1] = symbol(NAME_TABLE, STT_OBJECT, 1, 0x1000, 0x100),
                     [2] = symbol(NAME_MAIN, STT_FUNC, 1, 0x1000, 0x20),
                     [3] = symbol(NAME_HELPER, STT_FUNC, SHN_UNDEF, 0x1020, 0x10),
                     [4] = symbol(NAME_HELPER, STT_FUNC, 1, 0x1030, 0x10),
                     [5] = symbol(999, STT_FUNC, 1, 0x2000, 0x10) },
    };
    memcpy(file.names, names, sizeof(names));
    return file;
}

static struct span bytes_of(const struct file *file)
{
    return (struct span){ (const uint8_t *)file, sizeof(*file) };
}

static void an_address_finds_its_function(void **state)
{
    static const struct {
        const char *name;
        uint64_t    address;
        const char *want; /* NULL: none */
        uint64_t    start;
    } cases[] = {
        { "first byte", 0x1000, "main", 0x1000 },
        { "last byte", 0x101f, "main", 0x1000 },
        { "just before", 0xfff, NULL, 0 },
        { "just behind", 0x1040, NULL, 0 },
        { "defined elsewhere", 0x1020, NULL, 0 },
        { "another function", 0x1038, "helper", 0x1030 },
        { "an object, not a function", 0x1050, NULL, 0 },
        { "a name outside the names", 0x2000, NULL, 0 },
        { "far away", UINT64_MAX, NULL, 0 },
    };
    struct file    file = make_file();
    struct symbols symbols;
    assert_int_equal(symbols_open(bytes_of(&file), &symbols), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct symbol found = { 0 };
        int           err = symbols_find(&symbols, cases[i].address, &found);
        CHECK(err == (cases[i].want ? 0 : -ENOENT), cases[i].name);
        CHECK(!cases[i].want || span_is(found.name, cases[i].want), cases[i].name);
        CHECK(found.start == cases[i].start, cases[i].name);
    }
}

static void zeros_have_no_names(void **state)
{
    struct symbols none = { 0 };
    struct symbol  found;
    assert_int_equal(symbols_find(&none, 0, &found), -ENOENT);
}

static void break_magic(struct file *file)
{
    file->header.e_ident[1] = 'F';
}

static void make_32_bit(struct file *file)
{
    file->header.e_ident[EI_CLASS] = ELFCLASS32;
}

static void make_big_endian(struct file *file)
{
    file->header.e_ident[EI_DATA] = ELFDATA2MSB;
}

static void shrink_section_headers(struct file *file)
{
    file->header.e_shentsize = 40;
}

static void move_section_headers_away(struct file *file)
{
    file->header.e_shoff = UINT64_MAX - 8;
}

static void claim_more_sections(struct file *file)
{
    file->sections[1].sh_type = SHT_NULL;
    file->header.e_shnum = UINT16_MAX;
}

static void remove_sections(struct file *file)
{
    file->header.e_shnum = 0;
}

static void strip(struct file *file)
{
    file->sections[1].sh_type = SHT_PROGBITS;
}

static void leave_dynamic_symbols(struct file *file)
{
    file->sections[1].sh_type = SHT_DYNSYM;
}

static void link_to_no_section(struct file *file)
{
    file->sections[1].sh_link = SECTIONS;
}

static void move_table_away(struct file *file)
{
    file->sections[1].sh_offset = sizeof(*file) + 1;
}

static void lengthen_table(struct file *file)
{
    file->sections[1].sh_size = UINT64_MAX;
}

static void lengthen_names(struct file *file)
{
    file->sections[2].sh_size = sizeof(file->names) + 1;
}

static void broken_files_are_refused(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct file *file);
        int want;
    } cases[] = {
        { "magic", break_magic, -ENOEXEC },
        { "32 bits", make_32_bit, -ENOEXEC },
        { "big-endian", make_big_endian, -ENOEXEC },
        { "size of section headers", shrink_section_headers, -ENOEXEC },
        { "place of section headers", move_section_headers_away, -ENOEXEC },
        { "number of sections", claim_more_sections, -ENOEXEC },
        { "no sections", remove_sections, -ENOENT },
        { "stripped of everything", strip, -ENOENT },
        { "stripped, but for dynamic symbols", leave_dynamic_symbols, 0 },
        { "link to no section", link_to_no_section, -ENOEXEC },
        { "table outside", move_table_away, -ENOEXEC },
        { "table too long", lengthen_table, -ENOEXEC },
        { "names too long", lengthen_names, -ENOEXEC },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file    file = make_file();
        struct symbols symbols = { 0 };
        cases[i].change(&file);
        CHECK(symbols_open(bytes_of(&file), &symbols) == cases[i].want, cases[i].name);
        CHECK(cases[i].want == 0 || !symbols.table.p, cases[i].name);
    }
}

static void files_may_be_cut_anywhere(void **state)
{
    struct file file = make_file();
    for (size_t len = 0; len < sizeof(file); len++) {
        /* A copy of just this length: what is read behind it, ASan sees. */
        uint8_t *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, &file, len);
        struct symbols symbols;
        assert_int_equal(symbols_open((struct span){ copy, len }, &symbols), -ENOEXEC);
        free(copy);
    }
}

static void the_last_name_needs_its_nul(void **state)
{
    struct file    file = make_file();
    struct symbols symbols;
    struct symbol  found;
    memset(file.names + NAME_HELPER, 'x', sizeof(file.names) - NAME_HELPER);
    assert_int_equal(symbols_open(bytes_of(&file), &symbols), 0);
    assert_int_equal(symbols_find(&symbols, 0x1030, &found), -ENOENT);
    assert_int_equal(symbols_find(&symbols, 0x1000, &found), 0);
}

static int on_first_object(struct dl_phdr_info *info, size_t size, void *base)
{
    *(uintptr_t *)base = info->dlpi_addr;
    return 1;
}

static void our_own_functions_have_names(void **state)
{
    uintptr_t base = 0;
    (void)dl_iterate_phdr(on_first_object, &base);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    assert_true(bytes != MAP_FAILED);

    struct symbols symbols;
    struct symbol  found;
    assert_int_equal(symbols_open((struct span){ bytes, (size_t)info.st_size }, &symbols), 0);
    uintptr_t address = (uintptr_t)symbols_find - base;
    assert_int_equal(symbols_find(&symbols, address, &found), 0);
    assert_true(span_is(found.name, "symbols_find"));
    assert_int_equal(found.start, address);
    (void)munmap(bytes, (size_t)info.st_size);
}

TESTS(an_address_finds_its_function, zeros_have_no_names, broken_files_are_refused,
      files_may_be_cut_anywhere, the_last_name_needs_its_nul, our_own_functions_have_names)
