# Which libvips decodes what (docs/adr/018).
#
#   stockroom_vips        what stockroom-decoder links: the system's libvips if it is 8.15 or newer
#                         (since then it resizes with SIMD), otherwise the prebuilt one from npm
#   stockroom_vips_wide   the system's, for stockroom-decoder-wide; only where stockroom_vips is npm's,
#                         which lacks the decoders of HEIC and JPEG XL
#   STOCKROOM_TWO_LIBVIPS whether there are two. Never link both into one program.
option(STOCKROOM_NPM_LIBVIPS "Take libvips from npm where the system's is older than 8.15" ON)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips-cpp)
set(STOCKROOM_TWO_LIBVIPS OFF)
add_library(stockroom_vips INTERFACE)

# Sets `result` to the file of npm's library, or to nothing.
function(stockroom_install_npm_libvips result)
  set(${result} "" PARENT_SCOPE)
  set(folder ${CMAKE_SOURCE_DIR}/deploy/libvips)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(machine arm64)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    set(machine x64)
  else()
    message(STATUS "npm has no libvips for ${CMAKE_SYSTEM_PROCESSOR}")
    return()
  endif()
  # Again only when the lock file changes; the lock is for two build folders at once.
  find_program(NPM npm)
  find_program(FLOCK flock)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/package-lock.json)
  set(failed 1)
  if(NPM AND FLOCK)
    execute_process(
      COMMAND ${FLOCK} ${folder} sh -c "cmp -s package-lock.json node_modules/.installed || \
{ '${NPM}' ci --no-progress --loglevel=error --fetch-retries=1 && cp package-lock.json node_modules/.installed; }"
      WORKING_DIRECTORY ${folder}
      RESULT_VARIABLE failed)
  endif()
  file(GLOB library ${folder}/node_modules/@img/sharp-libvips-linux-${machine}/lib/libvips-cpp.so.*)
  if(failed OR NOT library)
    message(WARNING "npm's libvips could not be installed into deploy/libvips; everything will be about half as fast")
    return()
  endif()
  set(${result} ${library} PARENT_SCOPE)
endfunction()

if(VIPS_VERSION VERSION_LESS 8.15 AND STOCKROOM_NPM_LIBVIPS)
  stockroom_install_npm_libvips(npm_vips)
endif()
if(npm_vips)
  set(STOCKROOM_TWO_LIBVIPS ON)
  # bin/ and lib/ of the build folder can be moved together.
  set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
  get_filename_component(npm_vips_name ${npm_vips} NAME)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib ${CMAKE_BINARY_DIR}/libvips-include)
  file(COPY_FILE ${npm_vips} ${CMAKE_BINARY_DIR}/lib/${npm_vips_name} ONLY_IF_DIFFERENT)
  # Only the headers of libvips and GLib: the package's zlib, png and others would hide the system's.
  set(headers ${CMAKE_SOURCE_DIR}/deploy/libvips/node_modules/@img/sharp-libvips-dev/include)
  get_filename_component(npm_vips_lib ${npm_vips} DIRECTORY)
  file(CREATE_LINK ${headers}/vips ${CMAKE_BINARY_DIR}/libvips-include/vips SYMBOLIC)
  target_include_directories(stockroom_vips SYSTEM INTERFACE
    ${CMAKE_BINARY_DIR}/libvips-include ${headers}/glib-2.0 ${npm_vips_lib}/glib-2.0/include)
  target_link_libraries(stockroom_vips INTERFACE ${CMAKE_BINARY_DIR}/lib/${npm_vips_name})
  add_library(stockroom_vips_wide INTERFACE)
  target_link_libraries(stockroom_vips_wide INTERFACE PkgConfig::VIPS)
  message(STATUS "Decoders: ${npm_vips_name} from npm; the system's libvips ${VIPS_VERSION} for HEIC and JPEG XL")
else()
  target_link_libraries(stockroom_vips INTERFACE PkgConfig::VIPS)
  message(STATUS "Decoder: the system's libvips ${VIPS_VERSION} for all formats")
  if(VIPS_VERSION VERSION_LESS 8.15)
    message(STATUS "  It resizes without SIMD, about half as fast as 8.15 and later")
  endif()
endif()
