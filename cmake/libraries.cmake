# The headers compiled once, into a static and a shared library: kernels, groups of operators, engine, pictures and C
# API apart, so that a change to one does not compile the others again.
include_guard(GLOBAL)
include(CheckLinkerFlag)

# Each unit is a .cpp with #include of one -impl.hpp. The shared library exports what the public headers declare, all
# else is hidden. The pragma stands in every unit, as the type of an exception must be visible in all of them.
file(GLOB groups CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include/coverslip"
     include/coverslip/ops/*/*-impl.hpp)
list(TRANSFORM groups REPLACE "-impl\\.hpp$" "")
set(sources "")
foreach(unit kernels/dispatch ops/registry ${groups} run/engine image/image c/c)
  if(unit STREQUAL "image/image")
    file(GLOB public CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include" include/coverslip/image/*.hpp)
    list(FILTER public EXCLUDE REGEX "-impl\\.hpp$")
  elseif(unit STREQUAL "c/c")
    set(public coverslip/coverslip.hpp coverslip/c/coverslip.h)
  else()
    set(public coverslip/coverslip.hpp)
  endif()
  list(TRANSFORM public PREPEND "#include <")
  list(TRANSFORM public APPEND ">\n")
  list(JOIN public "" public)
  get_filename_component(name ${unit} NAME)
  set(source "${PROJECT_BINARY_DIR}/generated/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "// Generated: compiles one part of coverslip.\n\
#if defined(__GNUC__)\n#pragma GCC visibility push(default)\n#endif\n\
${public}\
#if defined(__GNUC__)\n#pragma GCC visibility pop\n#endif\n\
#include <coverslip/${unit}-impl.hpp>\n")
  list(APPEND sources "${source}")
endforeach()

add_library(coverslip_objects OBJECT ${sources})
target_link_libraries(coverslip_objects PRIVATE coverslip_headers coverslip_strict)
set_target_properties(coverslip_objects PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                                                   VISIBILITY_INLINES_HIDDEN ON)
target_compile_options(coverslip_objects PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
coverslip_target_definitions(definitions)
set_source_files_properties("${PROJECT_BINARY_DIR}/generated/dispatch.cpp"
                            PROPERTIES COMPILE_DEFINITIONS "${definitions}")

# For the project's own programs, which look behind the API: nothing of it is hidden from a static link.
add_library(coverslip_engine STATIC $<TARGET_OBJECTS:coverslip_objects>)

# What others link statically is one object that keeps its copies of inline functions, the standard library's too, to
# itself. Else a program's file compiled with, say, -mavx2 could lend the engine its copy of one, which an old CPU
# cannot run.
set(objects $<TARGET_OBJECTS:coverslip_objects>)
set(language "${PROJECT_BINARY_DIR}/generated/language.cpp")
file(CONFIGURE OUTPUT "${language}" CONTENT "// Generated: programs in C are linked as C++, because CMake sees this file.\n")
check_linker_flag(CXX -Wl,--force-group-allocation COVERSLIP_LINKER_MERGES)
if(COVERSLIP_LINKER_MERGES AND CMAKE_OBJCOPY AND CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF" AND NOT COVERSLIP_SANITIZE)
  set(for_target "")
  if(CMAKE_CXX_COMPILER_TARGET)
    set(for_target "--target=${CMAKE_CXX_COMPILER_TARGET}")
  endif()
  set(merged "${PROJECT_BINARY_DIR}/generated/coverslip.o")
  add_custom_command(OUTPUT "${merged}" DEPENDS coverslip_objects ${objects} COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Merging the objects of libcoverslip.a"
    COMMAND "${CMAKE_CXX_COMPILER}" ${for_target} -r -nostdlib -Wl,--force-group-allocation -o "${merged}" ${objects}
    COMMAND "${CMAKE_OBJCOPY}" --wildcard --localize-hidden -G coverslip_* -G _ZN9coverslip2v0* -G _ZNK9coverslip2v0*
            -G _ZT?N9coverslip2v05ErrorE "${merged}")
  set(objects "${merged}")
endif()
add_library(coverslip STATIC "${language}" ${objects})
add_library(coverslip_shared SHARED $<TARGET_OBJECTS:coverslip_objects>)
add_library(coverslip::static ALIAS coverslip)
add_library(coverslip::shared ALIAS coverslip_shared)
foreach(library coverslip_engine coverslip coverslip_shared)
  target_link_libraries(${library} PUBLIC coverslip_api PRIVATE hwy::hwy TBB::tbb "$<BUILD_INTERFACE:coverslip_strict>")
  set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX)
endforeach()
set_target_properties(coverslip_shared PROPERTIES OUTPUT_NAME coverslip)

# Before version 1 each minor version may change the C++ API. The engine calls its own functions, not those that a
# program happens to define alike: it was compiled for every CPU, the program perhaps not.
set_target_properties(coverslip_shared PROPERTIES
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                      EXCLUDE_FROM_ALL $<NOT:$<OR:$<BOOL:${COVERSLIP_INSTALL}>,$<BOOL:${BUILD_SHARED_LIBS}>>>)
if(CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF")
  set(exports "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  target_link_options(coverslip_shared PRIVATE "LINKER:--version-script=${exports}" LINKER:-Bsymbolic-functions)
  set_target_properties(coverslip_shared PROPERTIES LINK_DEPENDS "${exports}")
endif()

if(BUILD_SHARED_LIBS)
  add_library(coverslip::coverslip ALIAS coverslip_shared)
else()
  add_library(coverslip::coverslip ALIAS coverslip)
endif()
