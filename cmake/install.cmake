# What `cmake --install` puts where: libraries, headers, a CMake package, a pkg-config file, and the tool slip.
#
# Where Highway and stb are not the system's, they are installed too, into lib/coverslip, in nobody's way.
include_guard(GLOBAL)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/coverslip")
set(private "${CMAKE_INSTALL_LIBDIR}/coverslip")
install(DIRECTORY include/coverslip DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS coverslip coverslip_shared coverslip_api coverslip_headers coverslip_stb EXPORT coverslip)
set_target_properties(coverslip PROPERTIES EXPORT_NAME static)
set_target_properties(coverslip_shared PROPERTIES EXPORT_NAME shared)
set_target_properties(coverslip_api PROPERTIES EXPORT_NAME api)
set_target_properties(coverslip_headers PROPERTIES EXPORT_NAME headers)
set_target_properties(coverslip_stb PROPERTIES EXPORT_NAME stb)

set(COVERSLIP_HWY_LIBRARY "")   # of a private Highway that is a file, below the prefix
if(COVERSLIP_HWY_PRIVATE STREQUAL "DEBS")
  set(usr "${COVERSLIP_THIRD_PARTY_DIR}/usr")
  file(GLOB libraries "${usr}/lib/*/libhwy.so*" "${usr}/lib/*/libhwy.a")
  install(FILES ${libraries} DESTINATION "${private}")
  install(DIRECTORY "${usr}/include/hwy" DESTINATION "${private}/include")
  set(COVERSLIP_HWY_LIBRARY "${private}/libhwy.so.1")
elseif(COVERSLIP_HWY_PRIVATE STREQUAL "FETCHED")
  install(TARGETS hwy EXPORT coverslip DESTINATION "${private}")
  install(DIRECTORY "${highway_SOURCE_DIR}/hwy" DESTINATION "${private}/include" FILES_MATCHING PATTERN "*.h")
endif()
if(COVERSLIP_STB_PRIVATE)
  install(FILES "${COVERSLIP_STB_FOLDER}/stb_image.h" "${COVERSLIP_STB_FOLDER}/stb_image_write.h"
                "${COVERSLIP_STB_FOLDER}/stb_easy_font.h" DESTINATION "${private}/include/stb")
  target_include_directories(coverslip_stb SYSTEM INTERFACE "$<INSTALL_INTERFACE:${private}/include/stb>")
else()
  target_include_directories(coverslip_stb SYSTEM INTERFACE "$<INSTALL_INTERFACE:${COVERSLIP_STB_FOLDER}>")
endif()
if(COVERSLIP_HWY_PRIVATE)
  target_include_directories(coverslip_headers SYSTEM INTERFACE "$<INSTALL_INTERFACE:${private}/include>")
  set_target_properties(coverslip_shared PROPERTIES INSTALL_RPATH "$ORIGIN/coverslip")
else()
  set_target_properties(coverslip_shared PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
endif()

install(EXPORT coverslip NAMESPACE coverslip:: FILE coverslipTargets.cmake DESTINATION "${package}")
configure_package_config_file(cmake/coverslipConfig.cmake.in "${PROJECT_BINARY_DIR}/generated/coverslipConfig.cmake"
                              INSTALL_DESTINATION "${package}" PATH_VARS COVERSLIP_HWY_LIBRARY)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/coverslipConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/generated/coverslipConfig.cmake"
              "${PROJECT_BINARY_DIR}/generated/coverslipConfigVersion.cmake" DESTINATION "${package}")

# pkg-config: from its own place to the prefix, which `cmake --install --prefix` may choose anew.
file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" up "${up}")
configure_file(cmake/coverslip.pc.in "${PROJECT_BINARY_DIR}/generated/coverslip.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/coverslip.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
