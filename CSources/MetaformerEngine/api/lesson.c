/* Setting up a lesson: options, programs and their state, and the views of the frames. */
#include "api/lesson.h"

#include "api/settings.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

#include <string.h>

enum { MAX_SIGHTS = 1000000, MAX_STATES = 4096 };

/* ---- Options ----------------------------------------------------------------------------------------------------- */

/* What is not of a single number. */
static mf_status check_options(const mf_lesson *l, const mf_adapt_options *o) {
    MF_TRY(mf_team_check(o->threads, o->pool, l->error));
    if (o->shift * 2LL >= l->model->width || o->shift * 2LL >= l->model->height)
        return mf_fail(l->error, MF_E_INVALID, "shift: under half of the model's %d x %d pixels", l->model->width,
                       l->model->height);
    if (o->mask_count && (!o->masks || (o->mask_count != 1 && o->mask_count != l->count)))
        return mf_fail(l->error, MF_E_INVALID, "masks: one for all frames or one for each of %zu, not %zu", l->count,
                       o->mask_count);
    return MF_OK;
}

static mf_status take_options(mf_lesson *l, const mf_adapt_options *given) {
    mf_adapt_options o = {.struct_size = sizeof o};
    if (given) MF_TRY(mf_adapt_options_read(given, &o, l->error));
    MF_TRY(mf_options_resolve("mf_adapt_options", &o, l->error));
    MF_TRY(check_options(l, &o));
    double epochs, batch, rate;
    MF_TRY(mf_model_number(l->model, MF_KEY_adapt_epochs, &epochs, l->error));
    MF_TRY(mf_model_number(l->model, MF_KEY_adapt_batch, &batch, l->error));
    MF_TRY(mf_model_number(l->model, MF_KEY_adapt_learning_rate, &rate, l->error));
    if (!o.epochs) o.epochs = (int32_t)epochs;
    if (!o.batch) o.batch = (int32_t)batch;
    if (o.learning_rate == 0) o.learning_rate = (float)rate;
    if (o.framing == MF_FRAMING_OWN) o.framing = l->model->framing;
    l->options = o;
    return mf_model_choice(l->model, MF_KEY_adapt_loss, &l->sums_loss, l->error);
}

const mf_mask *mf_lesson_mask(const mf_lesson *l, size_t frame, mf_mask *out_mask) {
    if (!l->options.mask_count) return NULL;
    *out_mask = mf_mask_at(l->options.masks, l->options.mask_count == 1 ? 0 : frame);
    return out_mask;
}

/* ---- Programs and their state ------------------------------------------------------------------------------------ */

static void *take_memory(mf_lesson *l, size_t count, size_t size, int *failed) {
    void *memory = count <= SIZE_MAX / size ? mf_allocate(l->allocator, count * size) : NULL;
    if (!memory) *failed = 1;
    return memory;
}

/* The mean map of good images, and one over its spread, by which the inspect program normalises. */
static int is_normality(const char *name) {
    return strcmp(name, "normal.mean") == 0 || strcmp(name, "normal.gain") == 0;
}

mf_state *mf_lesson_state(mf_lesson *l, const char *name) {
    for (size_t i = 0; i < l->state_count; i++)
        if (strcmp(l->states[i].name, name) == 0) return &l->states[i];
    return NULL;
}

/* One buffer for each variable that any of the programs writes or that the tuned parameters are. */
static mf_status gather_states(mf_lesson *l) {
    for (int part = 0; part < MF_PART_COUNT; part++) {
        const mf_program *p = l->model->parts[part];
        for (size_t i = 0; p && i < mf_program_slot_count(p); i++) {
            const mf_slot *slot = mf_program_slot(p, i);
            if (slot->kind != MF_SLOT_VARIABLE || (!slot->written && !is_normality(slot->name))) continue;
            const mf_state *known = mf_lesson_state(l, slot->name);
            if (known) {
                if (known->count != slot->count)
                    return mf_fail(l->error, MF_E_FORMAT, "'%.60s' differs between programs", slot->name);
                continue;
            }
            if (l->state_count == MAX_STATES) return mf_fail(l->error, MF_E_LIMIT, "over %d variables", MAX_STATES);
            int failed = 0;
            mf_state *s = &l->states[l->state_count];
            *s = (mf_state){slot->name, take_memory(l, slot->count, sizeof(float), &failed),
                            mf_model_values(l->model, slot->name, slot->count), slot->count};
            if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory for '%.60s'", slot->name);
            l->state_count++;
        }
    }
    l->mean = mf_lesson_state(l, "normal.mean"), l->gain = mf_lesson_state(l, "normal.gain");
    if ((l->mean == NULL) != (l->gain == NULL) ||
        (l->mean && (l->mean->count != l->plane || l->gain->count != l->plane || !l->mean->start || !l->gain->start)))
        return mf_fail(l->error, MF_E_FORMAT,
                       "'normal.mean' and 'normal.gain' must both be there, a number a position");
    return MF_OK;
}

static mf_status make_runner(mf_lesson *l, mf_part part, mf_runner **out_runner) {
    mf_program *p = l->model->parts[part];
    mf_runner_options options = {.struct_size = sizeof options,
                                 .threads = l->options.threads,
                                 .allocator = l->allocator,
                                 .pool = l->options.pool};
    MF_TRY(mf_runner_create(p, &options, out_runner, l->error));
    mf_runner_watch(*out_runner, &l->stop);
    MF_TRY(mf_model_bind(l->model, part, *out_runner, l->error));
    for (size_t i = 0; i < l->state_count; i++) {
        const mf_state *own = &l->states[i];
        if (mf_program_find(p, own->name))
            MF_TRY(mf_runner_bind(*out_runner, own->name, own->values, own->count, l->error));
    }
    return MF_OK;
}

/* The inspect program, for frames as wide as the widest. */
static mf_status prepare_inspection(mf_lesson *l) {
    int32_t widest = 0;
    for (size_t i = 0; i < l->count; i++) {
        mf_image frame = mf_image_at(l->frames, i);
        widest = frame.width > widest ? frame.width : widest;
    }
    mf_runner *runner = NULL;
    MF_TRY(make_runner(l, MF_PART_INSPECT, &runner));
    return mf_inspection_prepare(&l->inspection, l->model, l->options.framing, runner, &l->team, widest, l->error);
}

static mf_status prepare_training(mf_lesson *l) {
    const mf_program *gradient = l->model->parts[MF_PART_GRADIENT];
    int failed = 0, prior = mf_program_find(gradient, "response") != NULL,
        masks = mf_program_find(gradient, "mask") != NULL;
    if (l->masked && !masks)
        return mf_fail(l->error, MF_E_STATE,
                       "this model cannot be taught with masks or padding: its gradient program takes no 'mask'");
    l->micro = mf_program_find(gradient, "weight")->count;
    l->batch = take_memory(l, l->micro * l->image, sizeof(float), &failed);
    if (prior) l->batch_response = take_memory(l, l->micro * l->plane, sizeof(float), &failed);
    if (masks) l->batch_inside = take_memory(l, l->micro * l->plane, sizeof(float), &failed);
    l->weights = take_memory(l, l->micro, sizeof(float), &failed);
    l->loss = take_memory(l, 1, sizeof(float), &failed);
    l->rate = take_memory(l, 1, sizeof(float), &failed);
    if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory to teach with");
    for (size_t i = 0; masks && i < l->micro * l->plane; i++) l->batch_inside[i] = 1;
    if (prior) MF_TRY(make_runner(l, MF_PART_PRIOR, &l->prior));
    MF_TRY(make_runner(l, MF_PART_GRADIENT, &l->gradient));
    MF_TRY(make_runner(l, MF_PART_UPDATE, &l->update));
    MF_TRY(mf_runner_bind(l->gradient, "image", l->batch, l->micro * l->image, l->error));
    MF_TRY(mf_runner_bind(l->gradient, "weight", l->weights, l->micro, l->error));
    MF_TRY(mf_runner_bind(l->gradient, "loss", l->loss, 1, l->error));
    if (prior) MF_TRY(mf_runner_bind(l->gradient, "response", l->batch_response, l->micro * l->plane, l->error));
    if (masks) MF_TRY(mf_runner_bind(l->gradient, "mask", l->batch_inside, l->micro * l->plane, l->error));
    return mf_runner_bind(l->update, "learning_rate", l->rate, 1, l->error);
}

/* ---- Views ------------------------------------------------------------------------------------------------------- */

static mf_plan plan_of(const mf_lesson *l, size_t frame) {
    mf_image f = mf_image_at(l->frames, frame);
    return mf_plan_make(l->options.framing, f.height, f.width, l->model->height, l->model->width);
}

/* Gathers the views of all frames that show anything inspected. */
static mf_status plan_sights(mf_lesson *l) {
    uint64_t most = 0;
    for (size_t i = 0; i < l->count; i++) {
        mf_plan plan = plan_of(l, i);
        most += (uint64_t)plan.rows * (uint64_t)plan.columns;
    }
    if (most > MAX_SIGHTS)
        return mf_fail(l->error, MF_E_LIMIT, "mf_adapt: %llu views of the frames; at most %d are taken",
                       (unsigned long long)most, MAX_SIGHTS);
    int failed = 0;
    l->sights = take_memory(l, (size_t)most, sizeof *l->sights, &failed);
    l->first_sight = take_memory(l, l->count + 1, sizeof *l->first_sight, &failed);
    l->order = take_memory(l, l->count, sizeof *l->order, &failed);
    l->queue = take_memory(l, (size_t)most, sizeof *l->queue, &failed);
    if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory for %zu frames", l->count);
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) {
        mf_plan plan = plan_of(l, i);
        mf_mask own;
        const mf_mask *mask = mf_lesson_mask(l, i, &own);
        for (int32_t at = 0; at < plan.rows * plan.columns; at++) {
            mf_sight sight = {(uint32_t)i, at / plan.columns, at % plan.columns, 1};
            mf_view view = mf_plan_view(&plan, sight.row, sight.column);
            size_t cells =
                mask || !mf_view_is_full(&plan, &view) ? mf_mask_see(mask, &plan, &view, l->inspection.grid) : l->plane;
            if (!cells) continue;
            sight.coverage = (float)cells / (float)l->plane;
            l->masked |= cells < l->plane;
            l->sights[n++] = sight;
        }
        l->first_sight[i + 1] = n;
    }
    return MF_OK;
}

/* Sees a view; the prior, which is frozen, responds to it. */
static mf_status see(mf_lesson *l, const mf_sight *sight, const mf_seen *to) {
    mf_plan plan = plan_of(l, sight->frame);
    mf_view view = mf_plan_view(&plan, sight->row, sight->column);
    mf_inspection *s = &l->inspection;
    mf_image frame = mf_image_at(l->frames, sight->frame);
    mf_frame_see(&frame, l->model->channels, &plan, &view, to->image, &l->team, s->scratch);
    if (to->inside) {
        mf_mask mask;
        mf_mask_see(mf_lesson_mask(l, sight->frame, &mask), &plan, &view, s->grid);
        for (size_t i = 0; i < l->plane; i++) to->inside[i] = s->grid[i];
    }
    if (!to->response) return MF_OK;
    MF_TRY(mf_runner_bind(l->prior, "image", to->image, l->image, l->error));
    MF_TRY(mf_runner_bind(l->prior, "response", to->response, l->plane, l->error));
    return mf_runner_run(l->prior, l->error);
}

static mf_seen seen_at(const mf_lesson *l, size_t index) {
    const mf_seen *all = &l->seen;
    return (mf_seen){all->image + index * l->image, all->response ? all->response + index * l->plane : NULL,
                     all->inside ? all->inside + index * l->plane : NULL};
}

mf_status mf_lesson_see(mf_lesson *l, size_t sight, mf_seen *out_seen) {
    *out_seen = seen_at(l, l->cached ? sight : 0);
    return l->cached ? MF_OK : see(l, &l->sights[sight], out_seen);
}

/* Sees all views that are to be kept, or makes room for one. */
static mf_status read_frames(mf_lesson *l) {
    size_t all = l->first_sight[l->count], floats = l->image + (l->prior ? l->plane : 0) + (l->masked ? l->plane : 0);
    l->cached = all <= l->options.cache_bytes / sizeof(float) / floats;
    size_t room = l->cached ? all : 1;
    int failed = 0;
    l->seen.image = take_memory(l, room * l->image, sizeof(float), &failed);
    if (l->prior) l->seen.response = take_memory(l, room * l->plane, sizeof(float), &failed);
    if (l->masked) l->seen.inside = take_memory(l, room * l->plane, sizeof(float), &failed);
    if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory for %zu views of %zu frames", room, l->count);
    for (size_t i = 0; i < l->count; i++) {
        for (size_t k = l->first_sight[i]; l->cached && k < l->first_sight[i + 1]; k++) {
            mf_seen to = seen_at(l, k);
            MF_TRY(see(l, &l->sights[k], &to));
        }
        MF_TRY(mf_lesson_report(l, "reading", i + 1, l->count, 0));
    }
    return MF_OK;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

mf_status mf_lesson_report(mf_lesson *l, const char *stage, size_t done, size_t total, float loss) {
    MF_TRY(mf_stop_check(&l->stop, l->error));
    if (l->options.progress && l->options.progress(l->options.opaque, stage, done, total, loss))
        return mf_fail(l->error, MF_E_CANCELLED, "adaptation was cancelled");
    return MF_OK;
}

/* Frames and masks, before any memory is taken for them. */
static mf_status check_frames(const mf_lesson *l) {
    for (size_t i = 0; i < l->count; i++) {
        mf_error cause = {.struct_size = sizeof cause};
        mf_image frame;
        mf_mask mask;
        size_t masks = l->options.mask_count;
        mf_status status = mf_image_read_element(l->frames, i, &frame, &cause);
        if (status == MF_OK) status = mf_frame_check(&frame, &cause);
        if (status == MF_OK && masks)
            status = mf_mask_read_element(l->options.masks, masks == 1 ? 0 : i, &mask, &cause);
        if (status == MF_OK && masks) status = mf_mask_check(&mask, &frame, &cause);
        if (status == MF_OK && masks && mf_mask_is_empty(&mask))
            status = mf_fail(&cause, MF_E_INVALID, "mask: nothing in it is inspected");
        if (status != MF_OK) return mf_fail(l->error, status, "frame %zu: %s", i, cause.text);
    }
    return MF_OK;
}

mf_status mf_lesson_prepare(mf_lesson *l, const mf_adapt_options *options) {
    MF_TRY(take_options(l, options));
    MF_TRY(check_frames(l));
    l->stop.deadline = mf_deadline_after(l->options.time_limit_ns);
    l->team = mf_team_make(l->options.threads, l->options.pool);
    l->plane = (size_t)l->model->height * (size_t)l->model->width, l->image = l->plane * (size_t)l->model->channels;
    int failed = 0;
    l->states = take_memory(l, MAX_STATES, sizeof *l->states, &failed);
    l->sum = take_memory(l, l->plane, sizeof *l->sum, &failed);
    l->squares = take_memory(l, l->plane, sizeof *l->squares, &failed);
    l->sights_at = take_memory(l, l->plane, sizeof *l->sights_at, &failed);
    if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory to teach with");
    MF_TRY(gather_states(l));
    MF_TRY(prepare_inspection(l));
    MF_TRY(plan_sights(l));
    MF_TRY(prepare_training(l));
    return read_frames(l);
}

void mf_lesson_end(mf_lesson *l) {
    mf_runner_release(l->prior), mf_runner_release(l->gradient), mf_runner_release(l->update);
    mf_inspection_release(&l->inspection);
    for (size_t i = 0; i < l->state_count; i++) mf_free(l->allocator, l->states[i].values);
    void *parts[] = {l->states,       l->seen.image, l->seen.response, l->seen.inside, l->batch,      l->batch_response,
                     l->batch_inside, l->weights,    l->loss,          l->rate,        l->sum,        l->squares,
                     l->sights_at,    l->order,      l->queue,         l->sights,      l->first_sight};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(l->allocator, parts[i]);
}
