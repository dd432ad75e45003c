# Install rules and the package: one export a component, so that shm can be had without CAF.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(hawser_package_directory "${CMAKE_INSTALL_LIBDIR}/cmake/hawser")

function(hawser_install_layer name)
  install(TARGETS hawser_${name} EXPORT hawser-${name}
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT ${name}
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ${name})
  install(EXPORT hawser-${name} NAMESPACE hawser::
    DESTINATION "${hawser_package_directory}" COMPONENT ${name})
endfunction()

hawser_install_layer(shm)
if(HAWSER_ACTORS)
  hawser_install_layer(actors)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
    DESTINATION "${hawser_package_directory}" COMPONENT actors)
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/hawserConfig.cmake.in" hawserConfig.cmake
  INSTALL_DESTINATION "${hawser_package_directory}")
write_basic_package_version_file(hawserConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/hawserConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/hawserConfigVersion.cmake"
  DESTINATION "${hawser_package_directory}" COMPONENT shm)
