#pragma once

#include "tests/support/broker_process.h"
#include "tests/support/temp_folder.h"

namespace takt::testing {

/// A real taktd with its folder; both go with the object.
class TempBroker {
 public:
  TempBroker() : broker_({folder_.path()}) {}

  const std::string& address() const { return broker_.server(); }

 private:
  TempFolder folder_;
  BrokerProcess broker_;
};

}  // namespace takt::testing
