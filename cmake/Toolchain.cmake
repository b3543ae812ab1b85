# Compiler, linker and cache settings that hold for every target.
add_library(stockroom_flags INTERFACE)
# Designated initialisers leave members to their defaults on purpose.
target_compile_options(stockroom_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false findings of these two inside StatusOr and coroutine frames.
  target_compile_options(stockroom_flags INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete -fcoroutines)
endif()

if(STOCKROOM_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(STOCKROOM_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(STOCKROOM_SANITIZER)
  message(FATAL_ERROR "STOCKROOM_SANITIZER must be address, thread or empty, not '${STOCKROOM_SANITIZER}'")
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The sloppiness is what ccache documents for precompiled headers; the base
  # directory lets checkouts in different folders share results.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
  add_compile_options(-fpch-preprocess)
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()
