/* replay.c - feeds each file of a directory to a fuzz target: its corpus as a test, without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>

#define FILE_MAX ((size_t)1 << 20)

static bool feed(const char *path)
{
    static char bytes[FILE_MAX];
    FILE *f = fopen(path, "rbe");

    if (!f) {
        perror(path);
        return false;
    }
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    fprintf(stderr, "%s: %zu bytes\n", path, size);
    char *copy = copy_of(bytes, size);
    LLVMFuzzerTestOneInput((const uint8_t *)copy, size);
    free(copy);
    return true;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    int files = 0;

    if (!dir) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(dir)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (!feed(path))
            return 1;
        files++;
    }
    closedir(dir);
    printf("%d inputs\n", files);
    return files == 0;
}
