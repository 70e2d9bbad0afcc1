/*
 * A process that replaces a model file over and over, and is killed.
 *
 *     host MODEL FOLDER KILLS
 *
 * After each kill, at a random time, the file is whole, one of the two that were written in turn. What is left beside it is
 * removed by the next save: one temporary file at most remains, and none after a save that is not killed.
 */
#define _GNU_SOURCE
#include "../host.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Files of the folder beside the model. */
static int count_others(const char *path) {
    int others = 0;
    DIR *folder = opendir(path);
    if (!folder) fail("no folder");
    for (struct dirent *e; (e = readdir(folder));)
        others += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, "model") != 0;
    closedir(folder);
    return others;
}

int main(int count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *base = NULL, *model = NULL, *models[2] = {NULL, NULL};
    mf_image frames[2];
    static unsigned char pixels[2][64 * 64];
    char path[4096];
    if (count != 4) return 2;
    int kills = atoi(arguments[3]), found[2] = {0, 0};
    snprintf(path, sizeof path, "%s/model", arguments[2]);
    for (int i = 0; i < 2; i++) frames[i] = textured_frame(i, 64, pixels[i]);
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    options.threads = 1;
    if (mf_model_open_file(arguments[1], NULL, &base, &error)) fail(error.text);
    if (mf_model_setting(base, "adapt.epochs")) options.epochs = 1;
    if (mf_adapt(base, frames, 2, &options, &model, &error)) fail(error.text);
    for (int i = 0; i < 2; i++)
        if (mf_model_set_threshold(model, (float)(i + 1), &models[i], &error)) fail(error.text);
    if (mf_model_save(models[0], path, &error)) fail(error.text);
    srand(1);
    for (int i = 0; i < kills; i++) {
        pid_t child = fork();
        if (child < 0) fail("no process");
        if (child == 0)
            for (int k = 1;; k++)
                if (mf_model_save(models[k % 2], path, NULL)) _exit(1);
        usleep((useconds_t)(rand() % 20000));
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        if (!WIFSIGNALED(status)) fail("a file could not be written");
        mf_model *read = NULL;
        if (mf_model_open_file(path, NULL, &read, &error)) fail(error.text);
        const char *threshold = mf_model_setting(read, "threshold");
        if (!threshold || (strcmp(threshold, "1") != 0 && strcmp(threshold, "2") != 0)) fail("another model");
        found[threshold[0] - '1']++;
        mf_model_release(read);
    }
    int left = count_others(arguments[2]);
    if (left > 1) fail("a save does not remove what killed processes left");
    if (mf_model_save(models[0], path, &error)) fail(error.text);
    if (count_others(arguments[2]) != 0) fail("a temporary file is left beside the model");
    printf("%d kills: the file is whole, %d times the one and %d times the other; %d temporary files are left, 0 after "
           "the "
           "next save\n",
           kills, found[0], found[1], left);
    for (int i = 0; i < 2; i++) mf_model_release(models[i]);
    mf_model_release(model);
    mf_model_release(base);
    return 0;
}
