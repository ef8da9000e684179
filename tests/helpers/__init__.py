"""What tests share: tiny weights, models, servers, pictures and clips, and files that are broken on purpose."""
