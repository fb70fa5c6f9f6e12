/* The C API as a C99 program sees it: prints "passed", or each line that is not as it should be.
 * usage: c_api_test CLASSIFIER.slip FREE.slip TWO_BY_TWO.slip */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coverslip/c/coverslip.h"

static int failures = 0;
#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                            \
    }                                                        \
  } while (0)

static coverslip_tensor tensor(coverslip_dtype dtype, uint32_t rank, const int64_t* dims, void* data) {
  coverslip_tensor t = {0, 0, {0}, 0, NULL};
  uint32_t i;
  t.dtype = dtype;
  t.rank = rank;
  t.bytes = coverslip_dtype_size(dtype);
  for (i = 0; i < rank; ++i) t.bytes *= (size_t)(t.dims[i] = dims[i]);
  t.data = data;
  return t;
}

static const int64_t kPicture[] = {1, 3, 8, 8};

static void library_and_header_fit(void) {
  CHECK(coverslip_abi_version() == COVERSLIP_ABI_VERSION);
  CHECK(strcmp(coverslip_version(), COVERSLIP_VERSION) == 0);
  CHECK(strcmp(coverslip_code_name(COVERSLIP_OVER_BUDGET), "OverBudget") == 0);
  CHECK(strcmp(coverslip_code_name(99), "unknown") == 0);
  CHECK(coverslip_dtype_size(COVERSLIP_I64) == 8 && coverslip_dtype_size(8) == 0 && coverslip_dtype_size(-1) == 0);
}

static void errors_have_code_place_and_message(void) {
  coverslip_error error;
  coverslip_model* model = NULL;
  char longer[2000];
  CHECK(coverslip_model_load("no/such.slip", &model, &error) == COVERSLIP_IO);
  CHECK(error.code == COVERSLIP_IO && strstr(error.where, "no/such.slip") != NULL && error.message[0] != '\0');
  CHECK(model == NULL);
  CHECK(coverslip_model_load("no/such.slip", &model, NULL) == COVERSLIP_IO);
  CHECK(coverslip_model_load(NULL, &model, &error) == COVERSLIP_BAD_INPUT && strcmp(error.message, "is NULL") == 0);
  CHECK(coverslip_model_load("no/such.slip", NULL, &error) != COVERSLIP_OK);
  CHECK(coverslip_model_load_memory("SLIP?", 5, NULL, NULL, &model, &error) == COVERSLIP_BAD_MODEL);
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  CHECK(coverslip_model_load(longer, &model, &error) == COVERSLIP_IO && strlen(error.where) == sizeof error.where - 1);
}

static void a_model_tells_what_it_is(const coverslip_model* model) {
  coverslip_tensor port;
  int32_t passed = -1;
  CHECK(coverslip_model_inputs(model) == 1 && coverslip_model_outputs(model) == 1);
  CHECK(strcmp(coverslip_model_input(model, 0, &port), "x") == 0);
  CHECK(port.dtype == COVERSLIP_F32 && port.rank == 4 && port.dims[1] == 3 && port.bytes == 768 && port.data == NULL);
  CHECK(strcmp(coverslip_model_output(model, 0, NULL), "scores") == 0);
  CHECK(coverslip_model_input(model, 1, &port) == NULL);
  CHECK(coverslip_model_labels(model) == 4 && strcmp(coverslip_model_label(model, 2), "platelet") == 0);
  CHECK(coverslip_model_label(model, 4) == NULL);
  CHECK(strcmp(coverslip_model_meta(model, "licence"), "Apache-2.0") == 0);
  CHECK(coverslip_model_meta(model, "nothing") == NULL && coverslip_model_meta(model, NULL) == NULL);
  CHECK(coverslip_model_verify(model, NULL, &passed, NULL) == COVERSLIP_OK && passed == 1);
}

static void outputs_go_where_the_caller_wants(coverslip_session* session) {
  float x[3 * 8 * 8] = {0}, y[4] = {0}, more[8] = {0};
  coverslip_error error;
  coverslip_tensor in = tensor(COVERSLIP_F32, 4, kPicture, x), out = {0, 0, {0}, 0, NULL};
  CHECK(coverslip_session_run(session, &in, 1, &out, 1, NULL, &error) == COVERSLIP_OK);
  CHECK(out.data != NULL && out.bytes == sizeof y && out.rank == 4 && out.dims[1] == 4 && out.dtype == COVERSLIP_F32);
  if (out.data != NULL) memcpy(y, out.data, sizeof y); /* the session's own memory */
  out.data = more;
  out.bytes = sizeof more;
  CHECK(coverslip_session_run(session, &in, 1, &out, 1, NULL, &error) == COVERSLIP_OK);
  CHECK(out.data == more && out.bytes == sizeof y && memcmp(more, y, sizeof y) == 0 && more[4] == 0);
  out.bytes = 15; /* one byte too few */
  more[0] = 77;
  CHECK(coverslip_session_run(session, &in, 1, &out, 1, NULL, &error) == COVERSLIP_BAD_INPUT);
  CHECK(out.bytes == sizeof y && more[0] == 77 && strstr(error.message, "'scores': 16 bytes, got 15") != NULL);
  CHECK(coverslip_session_run(session, &in, 1, NULL, 0, NULL, &error) == COVERSLIP_OK);
}

static void inputs_are_checked(coverslip_session* session) {
  float x[3 * 8 * 8 + 1] = {0};
  coverslip_error error;
  coverslip_tensor in = tensor(COVERSLIP_F32, 4, kPicture, x), bad[2];
  bad[0] = bad[1] = in;
  CHECK(coverslip_session_run(session, bad, 2, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  CHECK(coverslip_session_run(session, NULL, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  CHECK(coverslip_session_run(NULL, &in, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  CHECK(coverslip_session_run(session, &in, 1, bad, 2, NULL, &error) == COVERSLIP_BAD_INPUT);
  bad[0].dtype = COVERSLIP_I32; /* as large, and wrong */
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  bad[0].dtype = 42;
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  bad[0] = in;
  bad[0].bytes -= 1;
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  CHECK(strstr(error.message, "768 bytes, got 767") != NULL && strcmp(error.where, "input 'x'") == 0);
  bad[0] = in;
  bad[0].data = (char*)x + 1;
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  bad[0].data = NULL;
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_INPUT);
  bad[0] = in;
  bad[0].rank = 9;
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_SHAPE);
  bad[0] = in;
  bad[0].dims[0] = bad[0].dims[2] = bad[0].dims[3] = INT64_MAX / 2; /* their product would overflow */
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_SHAPE);
  bad[0].dims[0] = -1;
  CHECK(coverslip_session_run(session, bad, 1, NULL, 0, NULL, &error) == COVERSLIP_BAD_SHAPE);
  CHECK(coverslip_session_run(session, &in, 1, NULL, 0, NULL, &error) == COVERSLIP_OK);
}

static void a_precision_that_the_target_lacks_is_told(const coverslip_model* model) {
  coverslip_options options = COVERSLIP_OPTIONS;
  coverslip_session* session = NULL;
  const char* text = NULL;
  options.precision = "bfloat16";
  CHECK(coverslip_session_new(model, &options, &session, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_describe(session, NULL, 0, &text, NULL) == COVERSLIP_OK);
  CHECK(text != NULL && (strstr(text, "precision: bfloat16") != NULL || strstr(text, "computes in float32") != NULL));
  coverslip_session_free(session);
}

static void options_of_other_versions_are_understood(const coverslip_model* model) {
  struct {
    coverslip_options known;
    uint64_t unknown;
  } newer = {COVERSLIP_OPTIONS, 0};
  coverslip_options options = COVERSLIP_OPTIONS;
  coverslip_error error;
  coverslip_session* session = NULL;
  newer.known.size = sizeof newer;
  newer.known.threads = 1;
  CHECK(coverslip_session_new(model, &newer.known, &session, &error) == COVERSLIP_OK);
  CHECK(session != NULL && coverslip_session_threads(session) == 1);
  coverslip_session_free(session);
  newer.unknown = 1;
  session = NULL;
  CHECK(coverslip_session_new(model, &newer.known, &session, &error) == COVERSLIP_UNSUPPORTED && session == NULL);
  options.size = offsetof(coverslip_options, max_memory); /* a program older than that field */
  options.max_memory = 1;
  CHECK(coverslip_session_new(model, &options, &session, &error) == COVERSLIP_OK);
  coverslip_session_free(session);
  session = NULL;
  options.size = sizeof options;
  CHECK(coverslip_session_new(model, &options, &session, &error) == COVERSLIP_OVER_BUDGET);
  options.size = 0;
  CHECK(coverslip_session_new(model, &options, &session, &error) == COVERSLIP_BAD_INPUT);
  options.size = sizeof options;
  options.max_memory = 0;
  options.target = "abacus";
  CHECK(coverslip_session_new(model, &options, &session, &error) == COVERSLIP_BAD_INPUT);
  CHECK(strstr(error.message, "avx2") != NULL);
  options.target = NULL;
  options.precision = "int8";
  CHECK(coverslip_session_new(model, &options, &session, &error) != COVERSLIP_OK && session == NULL);
}

static void sessions_outlive_their_model(const char* path) {
  float x[3 * 8 * 8] = {0}, y[4] = {0}, z[4] = {1};
  coverslip_tensor in = tensor(COVERSLIP_F32, 4, kPicture, x), out = {0, 0, {0}, sizeof y, NULL};
  coverslip_model* model = NULL;
  coverslip_session *first = NULL, *second = NULL;
  CHECK(coverslip_model_load(path, &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_new(model, NULL, &first, NULL) == COVERSLIP_OK);
  coverslip_model_free(model);
  CHECK(coverslip_session_copy(first, &second, NULL) == COVERSLIP_OK);
  out.data = y;
  CHECK(coverslip_session_run(first, &in, 1, &out, 1, NULL, NULL) == COVERSLIP_OK);
  CHECK(strcmp(coverslip_session_target(first), coverslip_session_target(second)) == 0);
  coverslip_session_free(first);
  out.data = z;
  CHECK(coverslip_session_run(second, &in, 1, &out, 1, NULL, NULL) == COVERSLIP_OK && memcmp(y, z, sizeof y) == 0);
  coverslip_session_free(second);
  coverslip_model_free(NULL);
  coverslip_session_free(NULL);
  coverslip_control_free(NULL);
}

static void count_release(void* context) { ++*(int*)context; }

static void* contents_of(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* memory = malloc(1 << 20);
  unsigned char* aligned = memory + (64 - (size_t)memory % 64); /* the test ends before it would be freed */
  *size = fread(aligned, 1, (1 << 20) - 64, file);
  fclose(file);
  return aligned;
}

static void memory_is_copied_or_kept_until_released(const char* path) {
  size_t size;
  char* file = contents_of(path, &size);
  int released = 0;
  coverslip_model* model = NULL;
  coverslip_session* session = NULL;
  CHECK(coverslip_model_load_memory(file, size, count_release, &released, &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_new(model, NULL, &session, NULL) == COVERSLIP_OK && released == 0);
  coverslip_model_free(model);
  CHECK(released == 0); /* the session needs it */
  coverslip_session_free(session);
  CHECK(released == 1);
  CHECK(coverslip_model_load_memory(file, size / 2, count_release, &released, &model, NULL) == COVERSLIP_BAD_MODEL);
  CHECK(released == 2);
  CHECK(coverslip_model_load_memory(file + 1, size - 1, count_release, &released, &model, NULL) == COVERSLIP_BAD_INPUT);
  CHECK(released == 3);
  CHECK(coverslip_model_load_memory(file, size, count_release, &released, NULL, NULL) == COVERSLIP_BAD_INPUT);
  CHECK(released == 4);
  memmove(file + 1, file, size); /* begins anywhere: copied */
  CHECK(coverslip_model_load_memory(file + 1, size, NULL, NULL, &model, NULL) == COVERSLIP_OK);
  memset(file, 0, size + 1);
  a_model_tells_what_it_is(model);
  coverslip_model_free(model);
}

static void a_stopped_run_leaves_the_session_usable(coverslip_session* session) {
  float x[3 * 8 * 8] = {0};
  coverslip_tensor in = tensor(COVERSLIP_F32, 4, kPicture, x);
  coverslip_control* control = coverslip_control_new();
  coverslip_error error;
  CHECK(control != NULL && coverslip_control_progress(control) == 0);
  coverslip_control_stop(control);
  CHECK(coverslip_session_run(session, &in, 1, NULL, 0, control, &error) == COVERSLIP_CANCELLED);
  coverslip_control_reset(control);
  CHECK(coverslip_session_run(session, &in, 1, NULL, 0, control, &error) == COVERSLIP_OK);
  CHECK(coverslip_control_progress(control) > 0.999);
  coverslip_control_free(control);
}

static void pictures_are_prepared_as_the_file_says(const coverslip_model* model) {
  uint8_t grey[8 * 8];
  float x[3 * 8 * 8];
  coverslip_error error;
  coverslip_tensor t = {0, 0, {0}, 0, NULL};
  memset(grey, 255, sizeof grey);
  CHECK(coverslip_model_preprocess(model, grey, 8, 8, 1, &t, &error) == COVERSLIP_OK);
  CHECK(t.bytes == sizeof x && t.rank == 4 && t.data == NULL);
  t.data = x;
  CHECK(coverslip_model_preprocess(model, grey, 8, 8, 1, &t, &error) == COVERSLIP_OK);
  CHECK(x[0] == 2.0f && x[191] == 2.0f); /* (1 - 0.5) / 0.25 */
  t.bytes = 4;
  CHECK(coverslip_model_preprocess(model, grey, 8, 8, 1, &t, &error) == COVERSLIP_BAD_INPUT && t.bytes == sizeof x);
  CHECK(coverslip_model_preprocess(model, grey, 8, 8, 2, &t, &error) == COVERSLIP_BAD_INPUT);
  CHECK(coverslip_model_preprocess(model, NULL, 8, 8, 1, &t, &error) == COVERSLIP_BAD_INPUT);
}

static void free_dimensions_are_the_callers_choice(const char* path) {
  const int64_t dims[] = {2, 3, 1, 5}, larger[] = {1, 3, 4, 4};
  float x[2 * 3 * 5] = {-2, 4}, y[2 * 3 * 5];
  coverslip_model* model = NULL;
  coverslip_session* session = NULL;
  coverslip_tensor in = tensor(COVERSLIP_F32, 4, dims, x), out = tensor(COVERSLIP_F32, 4, dims, y), port;
  coverslip_memory memory = {0, 0, 0, 0, 0, 0, 0};
  const char* text = NULL;
  CHECK(coverslip_model_load(path, &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_model_input(model, 0, &port) != NULL && port.dims[0] == COVERSLIP_FREE && port.bytes == 0);
  CHECK(coverslip_session_new(model, NULL, &session, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_run(session, &in, 1, &out, 1, NULL, NULL) == COVERSLIP_OK);
  CHECK(out.dims[0] == 2 && out.dims[3] == 5 && y[0] == -1 && y[1] == 4);
  in = tensor(COVERSLIP_F32, 4, larger, NULL); /* its shape is enough to ask */
  CHECK(coverslip_session_describe(session, &in, 1, &text, NULL) == COVERSLIP_OK);
  CHECK(text != NULL && strstr(text, "1x3x4x4") != NULL);
  CHECK(coverslip_session_memory(session, &in, 1, &memory, NULL) == COVERSLIP_BAD_INPUT);
  memory.size = offsetof(coverslip_memory, packed); /* an older program */
  CHECK(coverslip_session_memory(session, &in, 1, &memory, NULL) == COVERSLIP_OK);
  CHECK(memory.peak >= 2 * 3 * 4 * 4 * sizeof(float) && memory.io == 0);
  memory.size = sizeof memory;
  CHECK(coverslip_session_memory(session, &in, 1, &memory, NULL) == COVERSLIP_OK);
  CHECK(memory.peak == memory.packed + memory.values + memory.scratch + memory.io && memory.io > 0);
  coverslip_session_free(session);
  coverslip_model_free(model);
}

static void several_inputs_and_outputs_keep_their_order(const char* path) {
  const int64_t dims[] = {2, 3};
  float a[] = {1, 2, 3, 4, 5, 6}, b[] = {2, 2, 2, 3, 3, 3}, product[6];
  coverslip_model* model = NULL;
  coverslip_session* session = NULL;
  coverslip_tensor in[2], out[2] = {{0, 0, {0}, 0, NULL}, {0, 0, {0}, 0, NULL}};
  in[0] = tensor(COVERSLIP_F32, 2, dims, a);
  in[1] = tensor(COVERSLIP_F32, 2, dims, b);
  out[1].data = product; /* one output each way */
  out[1].bytes = sizeof product;
  CHECK(coverslip_model_load(path, &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_new(model, NULL, &session, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_run(session, in, 2, out, 2, NULL, NULL) == COVERSLIP_OK);
  CHECK(out[0].data != NULL && ((const float*)out[0].data)[5] == 9 && product[5] == 18);
  coverslip_session_free(session);
  coverslip_model_free(model);
}

static void packed_weights_are_saved(const char* path) {
  const char* packed = "c_api_test_packed.slip";
  int32_t passed = 0;
  coverslip_model* model = NULL;
  coverslip_error error;
  CHECK(coverslip_model_load(path, &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_model_save_packed(model, packed, &error) == COVERSLIP_BAD_INPUT); /* nothing is packed yet */
  CHECK(coverslip_model_verify(model, NULL, &passed, NULL) == COVERSLIP_OK && passed == 1);
  CHECK(coverslip_model_save_packed(model, NULL, &error) == COVERSLIP_BAD_INPUT);
  CHECK(coverslip_model_save_packed(model, "no/such/folder/x.slip", &error) == COVERSLIP_IO);
  CHECK(coverslip_model_save_packed(model, packed, &error) == COVERSLIP_OK);
  coverslip_model_free(model);
  passed = 0;
  CHECK(coverslip_model_load(packed, &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_model_verify(model, NULL, &passed, NULL) == COVERSLIP_OK && passed == 1);
  coverslip_model_free(model);
  CHECK(remove(packed) == 0);
}

int main(int argc, char** argv) {
  coverslip_model* model = NULL;
  coverslip_session* session = NULL;
  if (argc != 4) return 2;
  library_and_header_fit();
  errors_have_code_place_and_message();
  CHECK(coverslip_model_load(argv[1], &model, NULL) == COVERSLIP_OK);
  CHECK(coverslip_session_new(model, NULL, &session, NULL) == COVERSLIP_OK);
  if (model == NULL || session == NULL) return 1;
  a_model_tells_what_it_is(model);
  outputs_go_where_the_caller_wants(session);
  inputs_are_checked(session);
  options_of_other_versions_are_understood(model);
  a_precision_that_the_target_lacks_is_told(model);
  a_stopped_run_leaves_the_session_usable(session);
  pictures_are_prepared_as_the_file_says(model);
  coverslip_session_free(session);
  coverslip_model_free(model);
  sessions_outlive_their_model(argv[1]);
  memory_is_copied_or_kept_until_released(argv[1]);
  packed_weights_are_saved(argv[1]);
  free_dimensions_are_the_callers_choice(argv[2]);
  several_inputs_and_outputs_keep_their_order(argv[3]);
  if (failures == 0) puts("passed");
  return failures != 0;
}
