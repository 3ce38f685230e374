"""Text from a language model: `decoder` reads it token by token, `sampling` draws what comes next."""
