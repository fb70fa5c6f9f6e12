/* The C API of coverslip: C99, opaque handles, no exception crosses it. The shared library exports it, and C++ may
 * use it too.
 *
 * Functions that can fail return a code, and fill the error object that the caller gives (or NULL: then nothing).
 * On failure they leave all that they were to write as it was, unless said. Strings are UTF-8 and end with 0.
 * Handles may be freed as NULL. */
#ifndef COVERSLIP_C_COVERSLIP_H
#define COVERSLIP_C_COVERSLIP_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The number that coverslip_abi_version() returns when the library fits this header. It changes only where programs
 * compiled with an older header must be compiled again: not when functions are added, nor fields at the end of a
 * struct with a size. */
#define COVERSLIP_ABI_VERSION 1u
uint32_t coverslip_abi_version(void);
#define COVERSLIP_VERSION "0.1.0"
const char* coverslip_version(void); /* of the library */

typedef int32_t coverslip_code;
enum {
  COVERSLIP_OK = 0,
  COVERSLIP_BAD_MODEL = 1,     /* the file is damaged, or none of coverslip's */
  COVERSLIP_BAD_INPUT = 2,     /* an argument */
  COVERSLIP_BAD_SHAPE = 3,     /* shapes that do not fit */
  COVERSLIP_UNSUPPORTED = 4,   /* an operator, a type, an instruction set */
  COVERSLIP_OUT_OF_MEMORY = 5, /* the system has no more */
  COVERSLIP_OVER_BUDGET = 6,   /* more than max_memory would be needed */
  COVERSLIP_IO = 7,            /* a file that cannot be read */
  COVERSLIP_BUSY = 8,          /* another thread uses the session */
  COVERSLIP_CANCELLED = 9,     /* stopped by coverslip_control_stop() */
  COVERSLIP_INTERNAL = 10      /* none of these: a mistake in coverslip */
};
const char* coverslip_code_name(coverslip_code code); /* "BadModel"; "unknown" for other numbers */

/* What went wrong. It lives where the caller wants, so threads do not share it; a text that is too long is cut. */
typedef struct coverslip_error {
  coverslip_code code;
  char where[256];    /* the node, the argument, or the offset and field of a file */
  char message[1020]; /* what was expected, what was found, what to do */
} coverslip_error;

typedef int32_t coverslip_dtype;
enum {
  COVERSLIP_F32 = 0,
  COVERSLIP_F16 = 1,
  COVERSLIP_BF16 = 2,
  COVERSLIP_I8 = 3,
  COVERSLIP_U8 = 4,
  COVERSLIP_I32 = 5,
  COVERSLIP_I64 = 6,
  COVERSLIP_BOOL = 7
};
size_t coverslip_dtype_size(coverslip_dtype dtype); /* bytes of an element; 0: there is no such type */

enum { COVERSLIP_MOST_AXES = 8 };
#define COVERSLIP_FREE (-1) /* a dimension of a model's input or output that the caller chooses */

/* An array in row-major order, its memory the caller's unless said. `data` begins at a multiple of the element's
 * size. */
typedef struct coverslip_tensor {
  coverslip_dtype dtype;
  uint32_t rank;
  int64_t dims[COVERSLIP_MOST_AXES];
  size_t bytes; /* of data */
  void* data;
} coverslip_tensor;

/* A network: immutable, safe to share between threads. Its weights stay in the file, which is mapped. */
typedef struct coverslip_model coverslip_model;

coverslip_code coverslip_model_load(const char* path, coverslip_model** model, coverslip_error* error);
/* From memory. `release` NULL: the bytes are copied. Otherwise they must begin at a multiple of 64, nobody may
 * change them, and release(context) is called when neither the model nor a session needs them any more, also where
 * loading fails. */
coverslip_code coverslip_model_load_memory(const void* data, size_t size, void (*release)(void* context), void* context,
                                           coverslip_model** model, coverslip_error* error);
void coverslip_model_free(coverslip_model* model); /* sessions of the model stay usable */

size_t coverslip_model_inputs(const coverslip_model* model);
size_t coverslip_model_outputs(const coverslip_model* model);
/* Type, shape and name of one; `bytes` is 0 where a dimension is free, `data` NULL. The name lives as long as the
 * model; NULL where there is no such input or output, and `tensor`, which may be NULL, is left alone. */
const char* coverslip_model_input(const coverslip_model* model, size_t index, coverslip_tensor* tensor);
const char* coverslip_model_output(const coverslip_model* model, size_t index, coverslip_tensor* tensor);

size_t coverslip_model_labels(const coverslip_model* model);                   /* may be 0 */
const char* coverslip_model_label(const coverslip_model* model, size_t index); /* NULL: the file names no such class */
const char* coverslip_model_meta(const coverslip_model* model,
                                 const char* key); /* like "licence"; NULL: not in the file */

/* Pixels to the input of the network, as the file says. `pixels`: rows from top to bottom, `channels` (1: grey, 3:
 * R G B) side by side. Fills `tensor`, whose data and bytes the caller gives; data NULL: dtype, shape and bytes
 * alone. */
coverslip_code coverslip_model_preprocess(const coverslip_model* model, const uint8_t* pixels, int32_t width,
                                          int32_t height, int32_t channels, coverslip_tensor* tensor,
                                          coverslip_error* error);

/* Begin with COVERSLIP_OPTIONS, then set fields. `size` tells a newer library which fields the program knows; an
 * older library refuses fields that it does not know unless they are 0. NULL instead of options: all as here. */
typedef struct coverslip_options {
  size_t size;
  int32_t threads;       /* 0: as many as this machine grants */
  uint64_t max_memory;   /* bytes for weights, packed weights, values and scratch; 0: no limit */
  const char* target;    /* instruction set, like "avx2"; NULL: the best that this CPU runs */
  const char* precision; /* of the arithmetic, "float32", or "bfloat16" where this CPU can; NULL: as the file says */
  uint32_t no_winograd;  /* 1: no faster convolutions that round more and need more memory for weights */
} coverslip_options;
#define COVERSLIP_OPTIONS \
  { sizeof(coverslip_options), 0, 0, NULL, NULL, 0 }

/* Plan and memory for one caller at a time: one for each thread. */
typedef struct coverslip_session coverslip_session;

coverslip_code coverslip_session_new(const coverslip_model* model, const coverslip_options* options,
                                     coverslip_session** session, coverslip_error* error);
/* Shares plan and packed weights, has memory of its own. */
coverslip_code coverslip_session_copy(const coverslip_session* other, coverslip_session** session,
                                      coverslip_error* error);
void coverslip_session_free(coverslip_session* session);

int32_t coverslip_session_threads(const coverslip_session* session);
const char* coverslip_session_target(const coverslip_session* session); /* like "avx2" */

/* A run that may take long: other threads stop and watch it. One control for one run at a time; all its functions
 * are safe to call from any thread. NULL: no memory. */
typedef struct coverslip_control coverslip_control;
coverslip_control* coverslip_control_new(void);
void coverslip_control_free(coverslip_control* control);
void coverslip_control_stop(coverslip_control* control);
void coverslip_control_reset(coverslip_control* control);            /* neither stopped nor begun */
double coverslip_control_progress(const coverslip_control* control); /* the share that is done, from 0 to 1 */

/* Runs the network. `inputs` are those of the model in its order, and are only read. Of `outputs` each is the
 * caller's memory, `bytes` large, or data NULL: then it is set to memory of the session, valid until its next run
 * or its end. Either way dtype, shape and bytes are set. With more memory than is needed `bytes` shrinks; with less
 * the call fails with BAD_INPUT after the run, and then the `bytes` of all outputs say what is needed. Fewer
 * outputs than the model has: the first ones. */
coverslip_code coverslip_session_run(coverslip_session* session, const coverslip_tensor* inputs, size_t input_count,
                                     coverslip_tensor* outputs, size_t output_count, coverslip_control* control,
                                     coverslip_error* error);

/* A line for each step, then the memory. Only dims and rank of `inputs` count; none: the model's own shapes. The
 * text lives until the next call of this function with this session, or its end. */
coverslip_code coverslip_session_describe(coverslip_session* session, const coverslip_tensor* inputs,
                                          size_t input_count, const char** text, coverslip_error* error);

/* In bytes, known before the first run. Set `size` to sizeof(coverslip_memory) before the call. */
typedef struct coverslip_memory {
  size_t size;
  uint64_t peak;    /* the sum of packed, values, scratch and io */
  uint64_t weights; /* as the file holds them: mapped, and dropped by the system when it wants */
  uint64_t packed;  /* weights as kernels want them, shared by all sessions of the model */
  uint64_t values;  /* between the steps */
  uint64_t scratch; /* of all threads */
  uint64_t io;      /* inputs and outputs */
} coverslip_memory;
coverslip_code coverslip_session_memory(coverslip_session* session, const coverslip_tensor* inputs, size_t input_count,
                                        coverslip_memory* memory, coverslip_error* error);

/* Runs the golden case of the file on this machine: `passed` is 1 where the answers are right, 0 where they are
 * not. */
coverslip_code coverslip_model_verify(const coverslip_model* model, const coverslip_options* options, int32_t* passed,
                                      coverslip_error* error);

/* Writes the file of this model again, with its weights as all sessions so far have packed them: a session that would
 * pack them so maps them instead. COVERSLIP_BAD_INPUT where no session has packed anything, COVERSLIP_IO. */
coverslip_code coverslip_model_save_packed(const coverslip_model* model, const char* path, coverslip_error* error);

#ifdef __cplusplus
}
#endif
#endif
