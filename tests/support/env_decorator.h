// An Env that passes everything on: override what a test wants to see or change.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

class EnvDecorator : public Env {
 public:
  explicit EnvDecorator(Env& env) : env_(env) {}

  absl::StatusOr<std::unique_ptr<File>> OpenUnnamed(const std::string& directory) override {
    return env_.OpenUnnamed(directory);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override {
    return env_.Create(path);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenToRead(const std::string& path) override {
    return env_.OpenToRead(path);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenToAppend(const std::string& path) override {
    return env_.OpenToAppend(path);
  }
  absl::Status Link(File& unnamed, const std::string& path) override {
    return env_.Link(unnamed, path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return env_.Rename(from, to);
  }
  absl::Status Unlink(const std::string& path) override { return env_.Unlink(path); }
  absl::Status Touch(const std::string& path, absl::Time time) override {
    return env_.Touch(path, time);
  }
  absl::StatusOr<FileInfo> Stat(const std::string& path) override { return env_.Stat(path); }
  void DropCached(const std::string& path) override { env_.DropCached(path); }
  absl::Status MakeDirectory(const std::string& path) override { return env_.MakeDirectory(path); }
  absl::Status RemoveDirectory(const std::string& path) override {
    return env_.RemoveDirectory(path);
  }
  absl::Status SyncDirectory(const std::string& path) override { return env_.SyncDirectory(path); }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return env_.List(directory);
  }
  absl::StatusOr<int64_t> FreeBytes(const std::string& directory) override {
    return env_.FreeBytes(directory);
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    return env_.Lock(path);
  }

 private:
  Env& env_;
};

}  // namespace stockroom::fileserver
