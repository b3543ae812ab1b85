// Every sentence of services/api/domain/metadata_store.h as a test. An implementation passes all:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, MetadataStoreContract, testing::Values(StoreKind{...}),
//   KindName);
#pragma once

#include "tests/contract/metadata/contract_api_keys.h"
#include "tests/contract/metadata/contract_feed.h"
#include "tests/contract/metadata/contract_fixture.h"
#include "tests/contract/metadata/contract_images.h"
#include "tests/contract/metadata/contract_import.h"
#include "tests/contract/metadata/contract_jobs.h"
#include "tests/contract/metadata/contract_keys.h"
#include "tests/contract/metadata/contract_moderation.h"
#include "tests/contract/metadata/contract_popularity.h"
#include "tests/contract/metadata/contract_uploads.h"
#include "tests/contract/metadata/contract_webhooks.h"

namespace stockroom::api {

inline std::string KindName(const ::testing::TestParamInfo<StoreKind>& info) {
  return info.param.name;
}

}  // namespace stockroom::api
