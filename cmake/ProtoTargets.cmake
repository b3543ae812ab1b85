# Generated code: sr_proto holds the messages (no grpc), sr_proto_grpc the services.
function(stockroom_protos)
  cmake_parse_arguments(ARG "" "" "MESSAGES;SERVICES" ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  set(root ${CMAKE_CURRENT_SOURCE_DIR})
  set(google google/api/annotations google/api/http google/rpc/status google/rpc/error_details google/rpc/code)

  set(message_sources)
  set(grpc_sources)
  foreach(name IN LISTS ARG_MESSAGES ARG_SERVICES google)
    set(outputs ${out}/${name}.pb.cc ${out}/${name}.pb.h)
    set(plugin)
    if(name IN_LIST ARG_SERVICES)
      list(APPEND outputs ${out}/${name}.grpc.pb.cc ${out}/${name}.grpc.pb.h)
      list(APPEND grpc_sources ${out}/${name}.grpc.pb.cc)
      set(plugin --grpc_out=${out} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    if(name IN_LIST google)
      set(source ${GOOGLEAPIS_PROTO_DIR}/${name}.proto)
    else()
      set(source ${root}/${name}.proto)
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND protobuf::protoc -I ${root} -I ${GOOGLEAPIS_PROTO_DIR} -I /usr/include
              --cpp_out=${out} ${plugin} ${source}
      DEPENDS ${source} VERBATIM)
    list(APPEND message_sources ${out}/${name}.pb.cc)
  endforeach()

  add_library(sr_proto STATIC ${message_sources})
  target_include_directories(sr_proto SYSTEM PUBLIC ${out})
  target_link_libraries(sr_proto PUBLIC protobuf::libprotobuf)

  add_library(sr_proto_grpc STATIC ${grpc_sources})
  target_link_libraries(sr_proto_grpc PUBLIC sr_proto gRPC::grpc++)
  stockroom_precompile_grpc(sr_proto_grpc)
endfunction()
