#pragma once

#include <gtest/gtest.h>
#include <takt/client.h>

#include <span>
#include <string>

#include "tests/e2e/stage.h"

namespace takt::e2e {

/// An honest client is served by the broker that was started once, as if nothing had happened.
inline void expect_served(Stage& stage) {
  ASSERT_TRUE(stage.broker().is_running()) << stage.broker().log_text();
  auto client = Client::open({.server = stage.broker().server(), .send_timeout = patience});
  ASSERT_TRUE(client);
  const std::string payload = "honest";
  const auto receipt = client->send_bytes("k", std::as_bytes(std::span(payload)), {.topic = "honest"});
  ASSERT_TRUE(receipt) << receipt.error().text() << stage.broker().log_text();
  EXPECT_EQ(stage.broker().starts(), 1);
}

}  // namespace takt::e2e
