/* Classifies a picture of one colour by the C API alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coverslip/c/coverslip.h"

static const char kUsage[] =
    "usage: from_c MODEL.slip [GREY]\n"
    "\n"
    "Runs the model on a picture of 256 x 256 pixels of that grey (0 to 255; 128), made as large as the model wants.\n";

/* Says what went wrong; the exit code of the program. */
static int failed(const coverslip_error* error) {
  fprintf(stderr, "error: %s: %s: %s\n", coverslip_code_name(error->code), error->where, error->message);
  return 2;
}

static int refused(const char* why) {
  fprintf(stderr, "error: %s\n", why);
  return 2;
}

/* Prints the best class, by its label where the file has one. */
static void print_best(const coverslip_model* model, const coverslip_tensor* scores) {
  const float* values = scores->data;
  const size_t count = scores->bytes / sizeof *values;
  const char* label;
  size_t best = 0, i;
  for (i = 1; i < count; ++i)
    if (values[i] > values[best]) best = i;
  label = coverslip_model_label(model, best);
  printf("class %lu%s%s: %g\n", (unsigned long)best, label == NULL ? "" : ", ", label == NULL ? "" : label,
         (double)values[best]);
}

static int classify(const coverslip_model* model, coverslip_session* session, int grey) {
  static uint8_t pixels[256 * 256];
  coverslip_tensor input = {0, 0, {0}, 0, NULL}, scores = {0, 0, {0}, 0, NULL};
  coverslip_error error;
  coverslip_code code;
  memset(pixels, grey, sizeof pixels);
  /* Twice: first for the size, then into memory of that size. */
  if (coverslip_model_preprocess(model, pixels, 256, 256, 1, &input, &error) != COVERSLIP_OK) return failed(&error);
  input.data = malloc(input.bytes);
  if (input.data == NULL) return refused("no memory for the input");
  code = coverslip_model_preprocess(model, pixels, 256, 256, 1, &input, &error);
  if (code == COVERSLIP_OK) code = coverslip_session_run(session, &input, 1, &scores, 1, NULL, &error);
  free(input.data);
  if (code != COVERSLIP_OK) return failed(&error);
  if (scores.dtype != COVERSLIP_F32 || scores.bytes == 0) return refused("the first output is no list of f32 scores");
  print_best(model, &scores); /* the session's memory, until its next run */
  return 0;
}

int main(int argc, char** argv) {
  coverslip_options options = COVERSLIP_OPTIONS;
  coverslip_model* model = NULL;
  coverslip_session* session = NULL;
  coverslip_error error;
  int status;
  if (argc < 2 || argc > 3 || argv[1][0] == '-') {
    fputs(kUsage, stderr);
    return 1;
  }
  if (coverslip_abi_version() != COVERSLIP_ABI_VERSION) return refused("library and header do not fit");
  options.threads = 2;
  if (coverslip_model_load(argv[1], &model, &error) != COVERSLIP_OK) return failed(&error);
  status = coverslip_session_new(model, &options, &session, &error) == COVERSLIP_OK
               ? classify(model, session, argc == 3 ? atoi(argv[2]) : 128)
               : failed(&error);
  coverslip_session_free(session);
  coverslip_model_free(model);
  return status;
}
