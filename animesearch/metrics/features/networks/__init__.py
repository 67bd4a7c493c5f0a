"""The torch modules behind the feature networks; imported only when one is built."""
