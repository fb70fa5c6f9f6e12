# Toolchain: 64-bit ARM with Debian's cross compiler, or with a clang that is told of it; programs run under qemu-user.
#
# Debian packages: g++-aarch64-linux-gnu, qemu-user, and for COVERSLIP_CLANG=clang++-19 that clang. get_debs.sh fetches the rest.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(COVERSLIP_CLANG "" CACHE STRING "A clang++ to use instead of aarch64-linux-gnu-g++")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COVERSLIP_CLANG)
if(COVERSLIP_CLANG)
  set(CMAKE_CXX_COMPILER "${COVERSLIP_CLANG}")
  set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
  string(REPLACE "clang++" "clang" CMAKE_C_COMPILER "${COVERSLIP_CLANG}")
  set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
else()
  set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
  set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
endif()
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(COVERSLIP_DEBIAN_ARCHITECTURE arm64)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
