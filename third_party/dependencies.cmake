# Finds what the engine is built on: Highway >= 1.2 (hwy::hwy), oneTBB (TBB::tbb) and stb >= 2.28 (coverslip_stb).
#
# Highway and stb are looked for in this order: installed on the system; downloaded at a pinned commit (COVERSLIP_FETCH);
# taken from Debian trixie's packages by get_debs.sh, once for all build folders below build/.
include_guard(GLOBAL)

find_program(COVERSLIP_APT_GET apt-get)
mark_as_advanced(COVERSLIP_APT_GET)
if(COVERSLIP_APT_GET AND EXISTS /usr/share/keyrings/debian-archive-keyring.gpg)
  set(coverslip_fetch_default OFF)
else()
  set(coverslip_fetch_default ON)
endif()
option(COVERSLIP_FETCH "Download Highway and stb from their own repositories where the system has none" ${coverslip_fetch_default})

cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${CMAKE_BINARY_DIR}" NORMALIZE coverslip_built_in_source)
if(PROJECT_IS_TOP_LEVEL AND coverslip_built_in_source)
  set(coverslip_third_party "${PROJECT_SOURCE_DIR}/build/third_party")
else()
  set(coverslip_third_party "${CMAKE_BINARY_DIR}/third_party")
endif()
if(COVERSLIP_DEBIAN_ARCHITECTURE)   # a toolchain file's, for cross compilers
  string(APPEND coverslip_third_party "-${COVERSLIP_DEBIAN_ARCHITECTURE}")
endif()
set(COVERSLIP_THIRD_PARTY_DIR "${coverslip_third_party}" CACHE PATH "Where get_debs.sh puts Highway and stb")

# Runs get_debs.sh, which is quick when the folder is complete.
function(coverslip_get_debs)
  execute_process(COMMAND sh "${PROJECT_SOURCE_DIR}/third_party/get_debs.sh" "${COVERSLIP_THIRD_PARTY_DIR}"
                          ${COVERSLIP_DEBIAN_ARCHITECTURE}
                  RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "coverslip: no Highway >= 1.2 or no stb >= 2.28, see above. Install them (CMAKE_PREFIX_PATH says where), "
                        "or set COVERSLIP_FETCH=ON to download them.")
  endif()
endfunction()

# Makes a repository at a commit available; the commit is a hash of the contents.
macro(coverslip_fetch name repository commit)
  include(FetchContent)
  message(STATUS "coverslip: downloading ${name} (${repository})")
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${commit} ${ARGN})
  FetchContent_MakeAvailable(${name})
endmacro()

if(COVERSLIP_DEBIAN_ARCHITECTURE)
  coverslip_get_debs()
  list(PREPEND CMAKE_PREFIX_PATH "${COVERSLIP_THIRD_PARTY_DIR}/usr")
endif()
if(COVERSLIP_SANITIZE MATCHES "thread" AND COVERSLIP_APT_GET)
  execute_process(COMMAND sh "${PROJECT_SOURCE_DIR}/third_party/get_tbb_tsan.sh" "${COVERSLIP_THIRD_PARTY_DIR}-tsan"
                  COMMAND_ERROR_IS_FATAL ANY)
  list(PREPEND CMAKE_PREFIX_PATH "${COVERSLIP_THIRD_PARTY_DIR}-tsan")
endif()
find_package(TBB CONFIG QUIET)
if(NOT TBB_FOUND)
  message(FATAL_ERROR "coverslip: no oneTBB. Install it (Debian: libtbb-dev, Homebrew: tbb), or say where it is: CMAKE_PREFIX_PATH.")
endif()

set(COVERSLIP_HWY_PRIVATE "")   # where it is not the system's, and goes where coverslip is installed: DEBS or FETCHED
find_package(hwy 1.2 CONFIG QUIET)
if(NOT hwy_FOUND AND NOT TARGET hwy AND COVERSLIP_FETCH)
  set(HWY_ENABLE_TESTS OFF CACHE BOOL "" FORCE)
  set(HWY_ENABLE_EXAMPLES OFF CACHE BOOL "" FORCE)
  set(HWY_ENABLE_CONTRIB OFF CACHE BOOL "" FORCE)
  set(HWY_ENABLE_INSTALL OFF CACHE BOOL "" FORCE)
  coverslip_fetch(highway https://github.com/google/highway.git 457c891775a7397bdb0376bb1031e6e027af1c48)   # 1.2.0
  set(COVERSLIP_HWY_PRIVATE FETCHED)
endif()
if(NOT TARGET hwy::hwy AND TARGET hwy)
  add_library(hwy::hwy ALIAS hwy)
endif()
if(NOT TARGET hwy::hwy)
  coverslip_get_debs()
  find_package(hwy 1.2 CONFIG REQUIRED NO_DEFAULT_PATH PATHS "${COVERSLIP_THIRD_PARTY_DIR}/usr"
               "${COVERSLIP_THIRD_PARTY_DIR}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/hwy")
endif()
cmake_path(IS_PREFIX COVERSLIP_THIRD_PARTY_DIR "${hwy_DIR}" NORMALIZE coverslip_hwy_of_debs)   # also when CMake runs again
if(coverslip_hwy_of_debs)
  set(COVERSLIP_HWY_PRIVATE DEBS)
endif()

# Sets `found` to whether the stb_image.h in a folder is new enough.
function(coverslip_stb_is_new found folder)
  set(${found} OFF PARENT_SCOPE)
  if(EXISTS "${folder}/stb_image.h")
    file(STRINGS "${folder}/stb_image.h" first REGEX "stb_image - v[0-9.]+" LIMIT_COUNT 1)
    if(first MATCHES "v([0-9.]+)" AND CMAKE_MATCH_1 VERSION_GREATER_EQUAL 2.28)
      set(${found} ON PARENT_SCOPE)
    endif()
  endif()
endfunction()

find_path(COVERSLIP_STB_SYSTEM stb_image.h PATH_SUFFIXES stb)
mark_as_advanced(COVERSLIP_STB_SYSTEM)
set(COVERSLIP_STB_FOLDER "${COVERSLIP_STB_SYSTEM}")
set(COVERSLIP_STB_PRIVATE ON)
coverslip_stb_is_new(coverslip_stb_ok "${COVERSLIP_STB_FOLDER}")
cmake_path(IS_PREFIX COVERSLIP_THIRD_PARTY_DIR "${COVERSLIP_STB_FOLDER}" NORMALIZE coverslip_stb_of_debs)
if(coverslip_stb_ok)
  set(COVERSLIP_STB_PRIVATE ${coverslip_stb_of_debs})
elseif(COVERSLIP_FETCH)
  coverslip_fetch(stb https://github.com/nothings/stb.git 5c205738c191bcb0abc65c4febfa9bd25ff35234)
  set(COVERSLIP_STB_FOLDER "${stb_SOURCE_DIR}")
else()
  coverslip_get_debs()
  set(COVERSLIP_STB_FOLDER "${COVERSLIP_THIRD_PARTY_DIR}/usr/include/stb")
endif()
add_library(coverslip_stb INTERFACE)
target_include_directories(coverslip_stb SYSTEM INTERFACE "$<BUILD_INTERFACE:${COVERSLIP_STB_FOLDER}>")
message(STATUS "coverslip: stb in ${COVERSLIP_STB_FOLDER}")
