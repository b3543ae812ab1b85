#include "services/api/metadata/memory_store.h"
#include "services/api/metadata/sqlite_store.h"
#include "tests/contract/metadata/metadata_store_contract.h"
#include "tests/support/temp_folder.h"

namespace stockroom::api {
namespace {

class MemoryUnderTest final : public StoreUnderTest {
 public:
  MetadataStore& store() override { return *store_; }

 private:
  std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
};

class SqliteUnderTest final : public StoreUnderTest {
 public:
  MetadataStore& store() override { return *store_; }

 private:
  testing::TempFolder folder_;
  Metrics metrics_;
  std::unique_ptr<MetadataStore> store_ =
      OpenSqliteStore({.path = folder_.file("stockroom.db")}, metrics_).value();
};

INSTANTIATE_TEST_SUITE_P(
    All, MetadataStoreContract,
    ::testing::Values(StoreKind{"Memory", [] { return std::make_unique<MemoryUnderTest>(); }},
                      StoreKind{"Sqlite", [] { return std::make_unique<SqliteUnderTest>(); }}),
    KindName);
INSTANTIATE_TEST_SUITE_P(
    All, WebhookStoreContract,
    ::testing::Values(StoreKind{"Memory", [] { return std::make_unique<MemoryUnderTest>(); }},
                      StoreKind{"Sqlite", [] { return std::make_unique<SqliteUnderTest>(); }}),
    KindName);
INSTANTIATE_TEST_SUITE_P(
    All, ModerationContract,
    ::testing::Values(StoreKind{"Memory", [] { return std::make_unique<MemoryUnderTest>(); }},
                      StoreKind{"Sqlite", [] { return std::make_unique<SqliteUnderTest>(); }}),
    KindName);
INSTANTIATE_TEST_SUITE_P(
    All, PopularityContract,
    ::testing::Values(StoreKind{"Memory", [] { return std::make_unique<MemoryUnderTest>(); }},
                      StoreKind{"Sqlite", [] { return std::make_unique<SqliteUnderTest>(); }}),
    KindName);
INSTANTIATE_TEST_SUITE_P(
    All, UploadContract,
    ::testing::Values(StoreKind{"Memory", [] { return std::make_unique<MemoryUnderTest>(); }},
                      StoreKind{"Sqlite", [] { return std::make_unique<SqliteUnderTest>(); }}),
    KindName);

}  // namespace
}  // namespace stockroom::api
