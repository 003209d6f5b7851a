#include "base/symbols.h"

#include <elf.h>
#include <errno.h>

/* A struct at `offset`; false when it does not lie inside. Bytes of a file have no alignment. */
static bool read_struct(struct span bytes, uint64_t offset, void *out, size_t size)
{
    if (offset > bytes.len || bytes.len - offset < size)
        return false;
    memcpy(out, bytes.p + offset, size);
    return true;
}

static bool section_bytes(struct span elf, const Elf64_Shdr *section, struct span *out)
{
    if (section->sh_offset > elf.len || elf.len - section->sh_offset < section->sh_size)
        return false;
    *out = (struct span){ elf.p + section->sh_offset, section->sh_size };
    return true;
}

static bool read_header(struct span elf, Elf64_Ehdr *out)
{
    return read_struct(elf, 0, out, sizeof(*out)) && memcmp(out->e_ident, ELFMAG, SELFMAG) == 0 &&
           out->e_ident[EI_CLASS] == ELFCLASS64 && out->e_ident[EI_DATA] == ELFDATA2LSB &&
           out->e_shentsize == sizeof(Elf64_Shdr);
}

/* The first section of this type. */
static int find_section(struct span elf, const Elf64_Ehdr *header, uint32_t type, Elf64_Shdr *out)
{
    for (uint64_t i = 0; i < header->e_shnum; i++) {
        Elf64_Shdr section;
        if (header->e_shoff > elf.len ||
            !read_struct(span_skip(elf, header->e_shoff), i * sizeof(section), &section,
                         sizeof(section)))
            return -ENOEXEC;
        if (section.sh_type == type) {
            *out = section;
            return 0;
        }
    }
    return -ENOENT;
}

int symbols_open(struct span elf, struct symbols *out)
{
    Elf64_Ehdr     header;
    Elf64_Shdr     table, names;
    struct symbols symbols;

    if (!read_header(elf, &header))
        return -ENOEXEC;
    int err = find_section(elf, &header, SHT_SYMTAB, &table);
    if (err == -ENOENT)
        err = find_section(elf, &header, SHT_DYNSYM, &table);
    if (err < 0)
        return err;
    /* find_section() has seen that e_shoff lies inside. */
    if (table.sh_link >= header.e_shnum ||
        !read_struct(span_skip(elf, header.e_shoff), (uint64_t)table.sh_link * sizeof(names),
                     &names, sizeof(names)) ||
        !section_bytes(elf, &table, &symbols.table) || !section_bytes(elf, &names, &symbols.names))
        return -ENOEXEC;
    *out = symbols;
    return 0;
}

static bool read_name(struct span names, uint64_t offset, struct span *out)
{
    if (offset >= names.len)
        return false;
    struct span rest = span_skip(names, offset);
    ptrdiff_t   end = span_find(rest, '\0');
    *out = span_first(rest, end < 0 ? 0 : (size_t)end);
    return end > 0;
}

int symbols_find(const struct symbols *symbols, uint64_t address, struct symbol *out)
{
    Elf64_Sym at;
    for (uint64_t offset = 0; read_struct(symbols->table, offset, &at, sizeof(at));
         offset += sizeof(at)) {
        struct span name;
        bool        is_function = ELF64_ST_TYPE(at.st_info) == STT_FUNC && at.st_shndx != SHN_UNDEF;
        if (is_function && address >= at.st_value && address - at.st_value < at.st_size &&
            read_name(symbols->names, at.st_name, &name)) {
            *out = (struct symbol){ name, at.st_value };
            return 0;
        }
    }
    return -ENOENT;
}
