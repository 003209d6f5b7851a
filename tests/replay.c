/* Runs a fuzz target over each file of a corpus folder: the regression test of every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        perror(path);
        return -1;
    }
    struct stat info;
    (void)fstat(fileno(file), &info);
    /* Exactly as large as the input, so that a read past its end is seen by ASan. */
    size_t   size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int      err = data && fread(data, 1, size, file) == size ? 0 : -1;
    (void)fclose(file);
    if (err == 0)
        (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return err;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        (void)fprintf(stderr, "usage: %s FOLDER (which must exist and hold a file)\n", argv[0]);
        return 2;
    }
    unsigned files = 0;
    int      err = 0;
    for (struct dirent *entry; err == 0 && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        err = replay_file(path);
        files++;
    }
    (void)closedir(folder);
    (void)printf("%u files replayed\n", files);
    return err == 0 && files > 0 ? 0 : 1;
}
