#include "services/api/open_store.h"

#include <string>

#include "absl/strings/strip.h"
#include "services/api/metadata/memory_store.h"
#include "services/api/metadata/mysql_store.h"
#include "services/api/metadata/sqlite_store.h"
#include "services/common/base/files.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::StatusOr<std::string> ReadPassword(const std::string& file) {
  if (file.empty()) return std::string();
  absl::StatusOr<std::string> password = ReadSecretFile(file);
  if (!password.ok()) {
    return InvalidField("database.password_file", std::string(password.status().message()));
  }
  return password;
}

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenSqlite(const Options& options,
                                                          Metrics& metrics) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<MetadataStore> store,
                      OpenSqliteStore({.path = options.database_path}, metrics));
  // One process owns the file, so whoever held leases is gone.
  SR_ASSIGN_OR_RETURN(const int released, store->ReleaseAllLeases());
  if (released > 0) LogInfo("jobs of an earlier run are free again", {{"jobs", released}});
  return store;
}

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenMysql(const Options& options, Metrics& metrics) {
  MysqlOptions mysql{.connections = static_cast<int>(options.database_connections),
                     .patience = options.database_patience,
                     .allow_unsafe_durability = options.database_allow_unsafe};
  mysql.address = {.host = options.database_host,
                   .port = static_cast<int>(options.database_port),
                   .socket = options.database_socket,
                   .user = options.database_user,
                   .database = options.database_name,
                   .tls_ca = options.database_tls_ca};
  SR_ASSIGN_OR_RETURN(mysql.address.password, ReadPassword(options.database_password_file));
  if (options.database_tls == "required") mysql.address.tls = MysqlAddress::Tls::kRequired;
  if (options.database_tls == "verified") mysql.address.tls = MysqlAddress::Tls::kVerified;
  return OpenMysqlStore(mysql, metrics);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetadataStore>> OpenStore(const Options& options, Metrics& metrics) {
  if (options.database_driver == "memory") return NewMemoryStore();
  if (options.database_driver == "mysql") return OpenMysql(options, metrics);
  return OpenSqlite(options, metrics);
}

}  // namespace stockroom::api
