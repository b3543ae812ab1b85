#include "services/common/base/files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_folder.h"

namespace stockroom {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  std::string Put(std::string_view bytes) {
    std::ofstream(folder_.file("f"), std::ios::binary) << bytes;
    return folder_.file("f");
  }
  testing::TempFolder folder_;
};

TEST_F(FilesTest, AFileUpToTheBoundIsReadWhole) {
  const std::string bytes(200'000, 'x');
  EXPECT_EQ(*ReadFileAtMost(Put(bytes), 200'000), bytes);
  EXPECT_EQ(*ReadFileAtMost(Put(""), 0), "");
}

TEST_F(FilesTest, OneByteMoreIsOutOfRange) {
  EXPECT_TRUE(absl::IsOutOfRange(ReadFileAtMost(Put("1234"), 3).status()));
  EXPECT_TRUE(absl::IsOutOfRange(ReadFileAtMost("/dev/zero", 1 << 20).status()));
}

TEST_F(FilesTest, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ReadFileAtMost(folder_.file("none"), 3).status()));
}

TEST_F(FilesTest, AFolderIsAnError) { EXPECT_FALSE(ReadFileAtMost(folder_.path(), 3).ok()); }

TEST_F(FilesTest, ASecretEndsWithoutTheEditorsNewline) {
  EXPECT_EQ(*ReadSecretFile(Put(" s3cret\r\n\n")), " s3cret");
}

}  // namespace
}  // namespace stockroom
