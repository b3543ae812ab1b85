# One target a folder, sources listed, links PRIVATE unless the header shows them.
#
#   stockroom_library(sr_api_search SOURCES a.cc b.cc DEPS sr_api_domain [PRIVATE_DEPS absl::strings])
#   stockroom_executable(stockroom-api SOURCES main.cc DEPS ...)
#   stockroom_test(search_test SOURCES search_test.cc DEPS sr_api_search [LABELS unit])

function(stockroom_common_settings target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE stockroom_flags)
endfunction()

function(stockroom_library target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES})
  stockroom_common_settings(${target})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

function(stockroom_executable target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  stockroom_common_settings(${target})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# Tests with the label tsan link neither gRPC nor absl::Mutex, so that ThreadSanitizer's findings in
# them are real.
add_custom_target(tsan_tests)

# Every test binary is one CTest test; gtest itself names the cases. GRPC: most of its units include
# grpcpp, whose precompiled header then takes the place of GoogleTest's.
function(stockroom_test target)
  cmake_parse_arguments(ARG "GRPC" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${target} ${ARG_SOURCES})
  stockroom_common_settings(${target})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  if(ARG_GRPC)
    stockroom_precompile_grpc(${target})
  else()
    target_precompile_headers(${target} REUSE_FROM sr_gtest)
    # Which some libraries ask for; all that share the header have to be compiled alike.
    target_compile_options(${target} PRIVATE -pthread)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # What GCC 12 wrongly finds in its own std::string is hidden, unless that was precompiled.
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                             -Wno-stringop-overread)
    endif()
  endif()
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("tsan" IN_LIST ARG_LABELS)
    add_dependencies(tsan_tests ${target})
  endif()
endfunction()

# One unit that includes grpcpp costs seconds to compile; the precompiled header pays for itself
# from the second unit on.
function(stockroom_precompile_grpc target)
  target_precompile_headers(${target} PRIVATE <grpcpp/grpcpp.h> <memory> <string> <vector>)
endfunction()
