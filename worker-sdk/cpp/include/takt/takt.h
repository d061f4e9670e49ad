#pragma once
// The whole public API of the C++ SDK.

#include <takt/admin.h>
#include <takt/client.h>
#include <takt/error.h>
#include <takt/message.h>
#include <takt/schedule.h>
#include <takt/worker.h>
