// Writes the OpenAPI document: openapi-generator DESCRIPTOR_SET VERSION OUTPUT.cc
//
// The descriptor set comes from protoc with --include_imports and --include_source_info. The output
// is C++ that defines OpenApiDocument() of services/api/gateway/openapi.h.
#include <google/protobuf/descriptor.pb.h>

#include <cstdio>
#include <fstream>

#include "tools/openapi/document.h"

namespace {

int Fail(const std::string& what) {
  std::fprintf(stderr, "openapi-generator: %s\n", what.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return Fail("expected DESCRIPTOR_SET VERSION OUTPUT.cc");
  google::protobuf::FileDescriptorSet set;
  std::ifstream in(argv[1], std::ios::binary);
  if (!set.ParseFromIstream(&in)) return Fail(std::string(argv[1]) + " is no descriptor set");
  google::protobuf::DescriptorPool pool;
  std::vector<const google::protobuf::ServiceDescriptor*> services;
  for (const auto& file : set.file()) {
    const google::protobuf::FileDescriptor* built = pool.BuildFile(file);
    if (built == nullptr) return Fail("can not build " + file.name());
    if (built->package() != "stockroom.v1") continue;
    for (int i = 0; i < built->service_count(); ++i) services.push_back(built->service(i));
  }
  const std::string json = stockroom::openapi::MakeDocument(services, argv[2]).dump(1);
  std::ofstream out(argv[3]);
  out << "#include \"services/api/gateway/openapi.h\"\n"
      << "namespace stockroom::api {\n"
      << "std::string_view OpenApiDocument() {\n  return R\"JSON(" << json << ")JSON\";\n}\n"
      << "}  // namespace stockroom::api\n";
  return out.flush() ? 0 : Fail(std::string("can not write ") + argv[3]);
}
