#include "services/api/search/exec/facet_values.h"

namespace stockroom::api {

std::string_view StateName(ImageState state) {
  switch (state) {
    case ImageState::kUploading:
      return "uploading";
    case ImageState::kPending:
      return "pending";
    case ImageState::kProcessing:
      return "processing";
    case ImageState::kReady:
      return "ready";
    case ImageState::kFlagged:
      return "flagged";
    case ImageState::kRejected:
      return "rejected";
    case ImageState::kFailed:
      return "failed";
  }
  return "";
}

std::string_view OrientationName(Orientation orientation) {
  switch (orientation) {
    case Orientation::kLandscape:
      return "landscape";
    case Orientation::kPortrait:
      return "portrait";
    case Orientation::kSquare:
      return "square";
    case Orientation::kPanorama:
      return "panorama";
  }
  return "";
}

}  // namespace stockroom::api
