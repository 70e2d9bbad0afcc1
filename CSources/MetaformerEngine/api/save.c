/* Models, written: what adaptation changed in single precision, all else as the file has it. */
#include "api/model.h"

#include "support/error.h"
#include "support/memory.h"

#include <string.h>

/* Writes to a path, or to a writer where there is none. */
static mf_status write_model(const mf_model *model, const char *path, const mf_writer *writer, mf_error *error) {
    const mf_allocator *a = &model->allocator;
    size_t tensor_count = mf_file_tensor_count(model->file), entry_count = model->setting_count;
    mf_tensor *tensors = mf_allocate(a, tensor_count * sizeof *tensors);
    mf_entry *entries = mf_allocate(a, entry_count * sizeof *entries);
    mf_status status = tensors && entries ? MF_OK : mf_fail(error, MF_E_NOMEM, "no memory to save a model");
    if (status == MF_OK) {
        for (size_t i = 0; i < tensor_count; i++) {
            tensors[i] = *mf_file_tensor(model->file, i);
            const float *own = model->parameters[i];
            if (own && memcmp(own, tensors[i].data, tensors[i].bytes) != 0)
                tensors[i].data = own;
            else
                tensors[i].dtype = mf_file_dtype(model->file, i); /* halves were widened exactly, and narrow so */
        }
        for (size_t i = 0; i < entry_count; i++)
            entries[i] = (mf_entry){model->settings[i].key, model->settings[i].value};
        status = path ? mf_file_write_with(path, tensors, tensor_count, entries, entry_count, a, error)
                      : mf_file_write_to_with(writer, tensors, tensor_count, entries, entry_count, a, error);
    }
    mf_free(a, tensors);
    mf_free(a, entries);
    return status;
}

mf_status mf_model_save(const mf_model *model, const char *path, mf_error *error) {
    if (!model || !path) return mf_fail(error, MF_E_INVALID, "mf_model_save: NULL argument");
    return write_model(model, path, NULL, error);
}

mf_status mf_model_write(const mf_model *model, const mf_writer *writer, mf_error *error) {
    if (!model || !writer) return mf_fail(error, MF_E_INVALID, "mf_model_write: NULL argument");
    return write_model(model, NULL, writer, error);
}
