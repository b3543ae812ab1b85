// MirrorBackend over any Env and any S3, which survives restarts and power cuts.
#pragma once

#include <memory>
#include <string>

#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/backends/mirror_backend.h"
#include "tests/contract/blobs/s3_fixture.h"

namespace stockroom::fileserver {

class MirroredStore {
 public:
  struct Options {
    std::string directory = "/data";
    FakeClock* clock = nullptr;  // not null
    MirrorBackend::Options mirror = {.threads = 0};
    S3Backend::Options s3;
    // Instead of sleeping before S3 is asked again.
    std::function<void(absl::Duration)> s3_sleep;
  };
  MirroredStore(Env& env, s3::Transport& transport, Options options)
      : env_(env), transport_(transport), options_(std::move(options)) {}

  // Starts (again) on what `env` holds.
  absl::Status Open() {
    Close();
    const auto steady = [clock = options_.clock] { return clock->Now() - absl::UnixEpoch(); };
    metrics_ = std::make_unique<Metrics>();
    SR_ASSIGN_OR_RETURN(disk_, LocalDisk::Open(env_, {.directory = options_.directory,
                                                      .reserve_bytes = 0,
                                                      .clock = options_.clock,
                                                      .steady = steady}));
    replica_ =
        std::make_unique<S3Replica>(transport_, S3Replica::Options{.clock = options_.clock,
                                                                   .backend = options_.s3,
                                                                   .sleep = options_.s3_sleep});
    SR_RETURN_IF_ERROR(replica_->status());
    MirrorBackend::Options mirror = options_.mirror;
    mirror.backlog.directory = options_.directory + "/mirror";
    mirror.backlog.clock = options_.clock;
    if (mirror.threads == 0) mirror.backlog.steady = steady;
    if (mirror.backlog.remote.empty()) mirror.backlog.remote = "bucket";
    SR_ASSIGN_OR_RETURN(mirror_, MirrorBackend::Open(env_, disk_->directory_syncs(), *disk_, *disk_,
                                                     replica_->backend(), mirror, *metrics_));
    return absl::OkStatus();
  }
  void Close() {
    mirror_.reset();
    replica_.reset();
    disk_.reset();
  }

  MirrorBackend& mirror() { return *mirror_; }
  LocalDisk& disk() { return *disk_; }
  S3Backend& s3() { return replica_->backend(); }
  Metrics& metrics() { return *metrics_; }
  Options& options() { return options_; }

 private:
  Env& env_;
  s3::Transport& transport_;
  Options options_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<LocalDisk> disk_;
  std::unique_ptr<S3Replica> replica_;
  std::unique_ptr<MirrorBackend> mirror_;
};

}  // namespace stockroom::fileserver
